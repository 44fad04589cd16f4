import { OptionError } from "../../demos/terminal/options.ts";
import type { Description } from "../../src/compile/compile.ts";
import {
  add,
  type Feeds,
  gelu,
  input,
  losses,
  nn,
  optim,
  relu,
  reshape,
  scaledDotProductAttention,
  slice,
  type Tensor,
  unsqueeze,
  variable,
  where,
} from "../../src/index.ts";
import { labels } from "../cases/case.ts";
import { isWanted } from "../measure/suite.ts";
import { workloads } from "../workloads.ts";

/** A program to model: it is compiled, and never run. */
export interface Shape {
  readonly name: string;
  build(): Description & { readonly feeds?: Feeds };
}

/** A training step by plain gradient descent. */
const training = (loss: Tensor<"f32">): Description => ({
  outputs: { loss },
  updates: optim.sgd({ lr: 0.1 }).minimize(loss),
});

const mode = { training: true };

/** A training step of a model whose outputs are as they are: the loss is their mean square. */
function stepOf(model: nn.Module, ...shape: readonly number[]): Description {
  const y = model(input("x", shape), mode);
  return training(losses.mse(y, input("target", y.shape)));
}

/** Two convolutions with batch normalisation around which the input passes (He et al., 2016). */
function residualBlock(batch: number, channels: number, size: number): Description {
  const half = () =>
    nn.sequential(nn.conv2d(channels, channels, 3, { padding: 1, bias: false }), nn.batchNorm2d(channels));
  const [first, second] = [half(), half()];
  const x = input("x", [batch, channels, size, size]);
  const y = relu(add(x, second(relu(first(x, mode)), mode)));
  return training(losses.mse(y, input("target", y.shape)));
}

const stem = (): nn.Module =>
  nn.sequential(
    nn.conv2d(3, 64, 7, { padding: 3, stride: 2, bias: false }),
    nn.batchNorm2d(64),
    nn.relu(),
    nn.maxPool2d(3, { stride: 2, padding: 1 }),
  );

const depthwise = (channels: number): nn.Module =>
  nn.sequential(
    nn.conv2d(channels, channels, 3, { padding: 1, groups: channels, bias: false }),
    nn.batchNorm2d(channels),
    nn.relu(),
  );

function transformer(batch: number, length: number): Description {
  const [size, heads] = [512, 8];
  const options = { feedforward: 4 * size, dropout: 0, activation: "gelu", normFirst: true } as const;
  const block = nn.transformerEncoderLayer(size, heads, options);
  const y = block(input("x", [batch, length, size]), mode, { causal: true });
  return training(losses.mse(y, input("target", y.shape)));
}

function head(words: number, positions: number): ReturnType<Shape["build"]> {
  const dense = nn.linear(512, words);
  const loss = losses.crossEntropy(dense(input("x", [positions, 512]), mode), input("y", [positions], "i32"));
  return { ...training(loss), feeds: { y: labels(positions, words) } };
}

function lstm(steps: number, batch: number): Description {
  const states = nn.lstm(512, 512)(input("x", [steps, batch, 512])).output;
  return training(losses.mse(states, input("target", states.shape)));
}

/** The next token from one layer of a decoder, with the keys and values of all before it in a cache. */
function decoding(length: number): ReturnType<Shape["build"]> {
  const [size, heads] = [512, 8];
  const [norm1, norm2] = [nn.layerNorm(size), nn.layerNorm(size)];
  const [inner, outer] = [nn.linear(size, 4 * size), nn.linear(4 * size, size)];
  const [inward, outward] = [nn.linear(size, 3 * size), nn.linear(size, size)];
  const shape = [heads, length, size / heads] as const;
  const cache = () => variable(new Float32Array(size * length), shape);
  const [keys, values] = [cache(), cache()];
  const x = input("x", [1, size]);
  const here = input("here", [length, 1], "i32");
  const past = input("past", [1, length], "i32");
  const parts = reshape(inward(norm1(x)), [3, heads, 1, size / heads]);
  const [query, key, value] = [0, 1, 2].map((i) => reshape(slice(parts, [[i, i + 1]]), [heads, 1, size / heads]));
  const newKeys = where(unsqueeze(here, 0), key!, keys);
  const newValues = where(unsqueeze(here, 0), value!, values);
  const attended = scaledDotProductAttention(query!, newKeys, newValues, { mask: past });
  const h = add(x, outward(reshape(attended, [1, size])));
  const y = add(h, outer(gelu(inner(norm2(h)))));
  return {
    outputs: { y },
    updates: [
      [keys, newKeys],
      [values, newValues],
    ],
  };
}

const mlp = (size: number): nn.Module => nn.sequential(nn.linear(size, size), nn.relu(), nn.linear(size, size));

/** The training steps of the bench, and what larger models consist of: training steps, but for decoding. */
export const shapes: readonly Shape[] = [
  ...workloads.map(
    ({ name, build }): Shape => ({
      name,
      build: () => {
        const { outputs, updates, feeds } = build();
        return { outputs, updates, feeds };
      },
    }),
  ),
  { name: "residual block 64×56×56, batch 32", build: () => residualBlock(32, 64, 56) },
  { name: "stem 7×7/2 of 3×224×224, batch 32", build: () => stepOf(stem(), 32, 3, 224, 224) },
  { name: "depthwise 3×3 of 128×28×28, batch 32", build: () => stepOf(depthwise(128), 32, 128, 28, 28) },
  { name: "transformer layer d 512, 8 heads, T 512, batch 8", build: () => transformer(8, 512) },
  { name: "transformer layer d 512, 8 heads, T 2048, batch 2", build: () => transformer(2, 2048) },
  { name: "head of 32000 words, d 512, 1024 positions", build: () => head(32000, 1024) },
  { name: "LSTM 512, T 128, batch 64", build: () => lstm(128, 64) },
  { name: "MLP 4096-4096-4096, batch 256", build: () => stepOf(mlp(4096), 256, 4096) },
  { name: "decoding a token, d 512, 8 heads, cache of 1024", build: () => decoding(1024) },
];

/** Shapes whose names contain a text. @throws OptionError with all names if there is none. */
export function shapesNamed(filter: string): readonly Shape[] {
  const wanted = shapes.filter(({ name }) => isWanted(name, { filter }));
  if (wanted.length > 0) return wanted;
  const names = shapes.map(({ name }) => `\n  ${name}`).join("");
  throw new OptionError(`--filter is "${filter}", expected a part of a name that --plan models:${names}`);
}
