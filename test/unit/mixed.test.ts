import { describe, expect, test } from "vitest";
import { compile } from "../../src/compile/compile.ts";
import { grad } from "../../src/compile/grad.ts";
import { sizeOf } from "../../src/graph/shape.ts";
import type { Tensor } from "../../src/graph/tensor.ts";
import type { AdapterTraits } from "../../src/kernels/traits.ts";
import * as losses from "../../src/losses/index.ts";
import * as nn from "../../src/nn/index.ts";
import { sum } from "../../src/ops/lines/reduce.ts";
import { softmax } from "../../src/ops/lines/softmax.ts";
import { reshape } from "../../src/ops/moves/views.ts";
import { cast, mul } from "../../src/ops/pointwise/arithmetic.ts";
import { input } from "../../src/ops/sources/constants.ts";
import * as optim from "../../src/optim/index.ts";
import { evaluate } from "../../src/reference/index.ts";
import { gpu, software } from "../adapters.ts";
import { normalizationRows } from "../cases/normalizations.ts";
import { recurrentRows } from "../cases/recurrent.ts";
import { weigh, weighAll } from "../differences.ts";
import { fill, reals } from "../draws.ts";
import { exact } from "../half.ts";

/*
 * Which values mixed precision stores in f32, read from the printed kernels. Sizes are such that only activations and
 * their gradients have a multiple of 15 elements: three sequences of five steps.
 */

const [batch, steps] = [3, 5];
const width = 8;
const classes = 4;

const block = () =>
  nn.sequential(
    nn.transformerEncoderLayer(width, 2, { feedforward: 16, dropout: 0.1 }),
    nn.transformerEncoderLayer(width, 2, { feedforward: 16, dropout: 0.1, normFirst: true }),
    nn.linear(width, classes),
  );

function languageModel(kind: "lstm" | "gru" | "rnn") {
  const embed = nn.embedding(11, width);
  const layer = { lstm: nn.lstm, gru: nn.gru, rnn: nn.rnn }[kind];
  const body = layer(width, 16, { layers: 2, batchFirst: true, dropout: 0.1 });
  const norm = nn.rmsNorm(16);
  const out = nn.linear(16, classes);
  return nn.module((x, mode) => out(norm(body(embed(x), mode).output)), { embed, body, norm, out });
}

const images = () =>
  nn.sequential(nn.conv2d(2, 4, 1), nn.groupNorm(2, 4), nn.relu(), nn.instanceNorm2d(4), nn.conv2d(4, classes, 1));

const batchNorms = () =>
  nn.sequential(
    nn.conv2d(2, 4, 1),
    nn.batchNorm2d(4),
    nn.relu(),
    nn.conv2d(4, 4, 1),
    nn.batchNorm2d(4),
    nn.conv2d(4, classes, 1),
  );

const models: Record<string, [model: () => nn.Module, x: () => Tensor]> = {
  "a transformer": [block, () => input("x", [batch, steps, width])],
  "an LSTM language model": [() => languageModel("lstm"), () => input("x", [batch, steps], "i32")],
  "a GRU language model": [() => languageModel("gru"), () => input("x", [batch, steps], "i32")],
  "an RNN language model": [() => languageModel("rnn"), () => input("x", [batch, steps], "i32")],
  "batch normalisation": [batchNorms, () => input("x", [batch, 2, steps, 4])],
  "group and instance normalisation": [images, () => input("x", [batch, 2, steps, 4])],
};

/** All kernels of a training step in mixed precision. */
function kernelsOf(model: nn.Module, x: Tensor, adapter: AdapterTraits) {
  const logits = nn.mixedPrecision(model)(x, { training: true });
  expect(logits.dtype).toBe("f32");
  const last = logits.shape.length === 4 ? [...logits.shape.slice(0, 1), ...logits.shape.slice(2)] : [batch, steps];
  const loss =
    logits.shape.length === 4
      ? losses.crossEntropy(logits, input("y", last, "i32"))
      : losses.crossEntropy(reshape(logits, [-1, classes]), input("y", [batch * steps], "i32"));
  const updates = optim.sgd({ lr: 0.1 }).minimize(loss, { scaler: optim.lossScaler() });
  const traits = { ...adapter, features: new Set(["shader-f16"]) };
  return compile({ outputs: { loss }, updates }, traits, new Map(), { merge: false }).calls;
}

/** What kernels write, from their annotated declarations: `softmax[…]: y, f16[3, 5]`. */
const written = (calls: ReturnType<typeof kernelsOf>) =>
  calls.flatMap(({ label, annotated }) =>
    [...annotated!().matchAll(/read_write> (\w+): .*?; \/\/ .*?, (\w+)\[([\d, ]*)\]/g)].map(
      ([, name, dtype, shape]) => ({
        label,
        dtype: dtype!,
        shape: shape ? shape.split(", ").map(Number) : [],
        text: `${label}: ${name}, ${dtype}[${shape}]`,
      }),
    ),
  );

describe.each(Object.entries(models))("%s in mixed precision", (_, [make, x]) => {
  test.each(Object.entries({ gpu, software }))("stores activations in f16 only, %s", (_, adapter) => {
    const calls = kernelsOf(make(), x(), adapter);
    expect(Math.max(...calls.map(({ bindings }) => bindings.length))).toBeLessThanOrEqual(adapter.maxStorageBuffers);
    const activations = written(calls).filter(({ shape }) => sizeOf(shape) % (batch * steps) === 0);
    // The logits, for the loss; the loss of each position, and the gradient with respect to the logits.
    const ofLoss = /^(crossEntropy|matmul.*\+cast:f16$|conv2d.*\+cast:f16$)/;
    // Statistics are one number per row, or two.
    const wide = activations.filter(
      ({ dtype, shape, label }) =>
        dtype === "f32" && shape.at(-1)! > 2 && !(ofLoss.test(label) && sizeOf(shape) <= batch * steps * 4 * classes),
    );
    expect(activations.filter(({ dtype }) => dtype === "f16").length).toBeGreaterThan(8);
    expect(wide.map(({ text }) => text)).toEqual([]);
  });
});

test("a softmax at the end of a model returns f32 without rounding", () => {
  const model = nn.sequential(
    nn.linear(width, classes),
    nn.module((x) => softmax(x), {}),
  );
  const y = nn.mixedPrecision(model)(input("x", [batch, width]));
  const traits = { ...gpu, features: new Set(["shader-f16"]) };
  const { calls } = compile({ outputs: { y } }, traits, new Map(), { merge: false });
  expect(calls.map(({ label }) => label).at(-1)).toBe("softmax[3x4][1]:f32");
  expect(calls.at(-1)!.annotated!()).toMatch(/x: array<vec4h[\s\S]*y: array<vec4f/);
});

test("an embedding's table stays f32, its rows are f16", () => {
  const embed = nn.embedding(11, width);
  const y = nn.mixedPrecision(embed)(input("x", [batch], "i32"));
  const traits = { ...gpu, features: new Set(["shader-f16"]) };
  const [dw] = grad(sum(mul(y, y)), [...embed.variables.values()]);
  const { calls } = compile({ outputs: { y, dw: dw! } }, traits, new Map(), { merge: false });
  const declared = (family: string) => calls.find(({ label }) => label.startsWith(`${family}[`))!.annotated!();
  expect(declared("embedding")).toMatch(/table: array<vec4f[\s\S]*y: array<vec4h/);
  expect(declared("embeddingGrad")).toMatch(/dy: array<vec4h[\s\S]*y: array<vec4f/);
});

describe("in f16, an op has the two gradients of its f32 form", () => {
  // The float64 twin does not round, so only a wrong formula or cast makes them differ.
  const rows = [...normalizationRows, ...recurrentRows].filter(({ noGradient }) => !noGradient);
  test.each(rows.map((row) => [row.name, row] as const))(
    "%s",
    (_, { op, shapes: [shapes], draws = [reals(-2, 2)] }) => {
      const data = fill(draws, shapes!.map(sizeOf)).map(exact);
      const feeds = Object.fromEntries(data.map((values, i) => [`x${i}`, values]));
      const [wide, half] = (["f32", "f16"] as const).map((dtype) => {
        const inputs = shapes!.map((shape, i) => input(`x${i}`, shape, dtype));
        const y = op(...inputs);
        expect(y.dtype).toBe(dtype);
        const once = grad(weigh(cast(y, "f32")), inputs);
        const twice = grad(weighAll(once.map((dx) => cast(dx, "f32"))), inputs);
        expect(twice.every((dx) => dx.dtype === dtype)).toBe(true);
        return evaluate([y, ...once, ...twice], { inputs: feeds });
      });
      half!.forEach(({ data }, k) => {
        data.forEach((value, i) => expect(value).toBeCloseTo(wide![k]!.data[i]!, 10));
      });
    },
  );
});
