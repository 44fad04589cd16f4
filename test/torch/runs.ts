import type { Dataset } from "../../src/data/index.ts";
import type { Tensor } from "../../src/index.ts";
import { crossEntropy } from "../../src/losses/index.ts";
import * as nn from "../../src/nn/index.ts";
import { add, mul, reshape, variable } from "../../src/ops/index.ts";
import * as optim from "../../src/optim/index.ts";
import type { Inputs, TorchOptions } from "../../src/torch/index.ts";

/** A training to compare. */
export interface TrainingCase {
  readonly model: nn.Module;
  readonly options: Omit<TorchOptions, "model" | "data">;
  readonly data: Dataset;
}

/** Numbers from −1 to 1 in a fixed order. */
function numbers(count: number, seed = 1): Float32Array {
  let state = seed;
  return Float32Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    return state / 2 ** 31;
  });
}

const samples = 96;
const labels = (classes: number) => Int32Array.from({ length: samples }, (_, i) => (i * 7 + (i >> 2)) % classes);
const classData = (shape: readonly number[], classes: number): Dataset => ({
  x: { data: numbers(samples * shape.reduce((a, b) => a * b, 1)), shape: [samples, ...shape] },
  y: { data: labels(classes), shape: [samples] },
});
const classLoss =
  (model: nn.Module) =>
  ({ x, y }: Inputs): Tensor =>
    crossEntropy(model(x!, { training: true }), y!);
const classInputs = (shape: readonly number[]): TorchOptions["inputs"] => ({
  x: shape,
  y: { shape: [], dtype: "i32" },
});

const classifier = (
  model: nn.Module,
  shape: readonly number[],
  optimizer: TorchOptions["optimizer"],
  more = {},
): TrainingCase => ({
  model,
  options: { inputs: classInputs(shape), loss: classLoss(model), optimizer, batchSize: 16, ...more },
  data: classData(shape, 5),
});

/** A transformer over tokens, with positions, a tied head, and a residual block of the user's. */
function transformer(): TrainingCase {
  const [tokens, length, size] = [11, 6, 8];
  const embedding = nn.embedding(tokens, size);
  const positions = variable(numbers(length * size, 5), [length, size], { name: "positions" });
  const block = nn.transformerEncoderLayer(size, 2, {
    feedforward: 16,
    dropout: 0,
    normFirst: true,
    activation: "gelu",
  });
  const head = nn.tiedLinear(embedding);
  const inner = nn.sequential(nn.layerNorm(size), nn.linear(size, 12), nn.silu(), nn.linear(12, size));
  const residual = nn.module((x) => add(x, mul(inner(x), 0.5)), { inner });
  const model = nn.module(
    (x) => {
      const all = add(embedding(x), positions);
      return head(residual(block(all, {}, { causal: true })));
    },
    { embedding, positions, block, residual, head },
  );
  const loss = ({ x, y }: Inputs): Tensor => {
    const scores = model(x!, { training: true });
    const [n, t, c] = scores.shape as [number, number, number];
    return crossEntropy(reshape(scores, [n * t, c]), reshape(y!, [n * t]));
  };
  const ids = (shift: number) =>
    Int32Array.from({ length: samples * length }, (_, i) => (i * 5 + (i % 7) + shift) % tokens);
  return {
    model,
    options: {
      inputs: { x: { shape: [length], dtype: "i32" }, y: { shape: [length], dtype: "i32" } },
      loss,
      optimizer: optim.adamW({ lr: 3e-3, schedule: optim.cosineAnnealingLR({ tMax: 40 }) }),
      clip: optim.clipGradNorm(0.5),
      batchSize: 16,
    },
    data: { x: { data: ids(0), shape: [samples, length] }, y: { data: ids(3), shape: [samples, length] } },
  };
}

const mlp = () => nn.sequential(nn.linear(12, 16), nn.relu(), nn.linear(16, 5));

/** The trainings: each makes its model anew. */
export const cases: Readonly<Record<string, () => TrainingCase>> = {
  MLP: () => classifier(mlp(), [12], optim.adam({ lr: 0.01 })),
  "CNN with batch norm": () =>
    classifier(
      nn.sequential({
        conv1: nn.conv2d(1, 4, 3, { padding: 1, bias: false }),
        norm: nn.batchNorm2d(4),
        act: nn.relu(),
        pool: nn.maxPool2d(2),
        flat: nn.flatten(),
        head: nn.linear(64, 5),
      }),
      [1, 8, 8],
      optim.sgd({ lr: 0.05, momentum: 0.9, nesterov: true, weightDecay: 1e-3 }),
    ),
  LSTM: () =>
    classifier(
      nn.sequential(
        nn.lstm(3, 8, { batchFirst: true, layers: 2, bidirectional: true }).output,
        nn.lastStep(),
        nn.linear(16, 5),
      ),
      [7, 3],
      optim.rmsProp({ lr: 0.005, centered: true, momentum: 0.5 }),
    ),
  transformer,
};

const rates = { sgd: 0.05, adadelta: 1, adagrad: 0.05 };
/** The MLP with every other optimizer. */
export const optimizers: Readonly<Record<string, () => TrainingCase>> = Object.fromEntries(
  Object.entries({
    sgd: () => optim.sgd({ lr: rates.sgd }),
    "sgd with dampening": () => optim.sgd({ lr: 0.05, momentum: 0.9, dampening: 0.3 }),
    "adam with amsgrad": () => optim.adam({ lr: 0.01, amsgrad: true, weightDecay: 0.01 }),
    adamW: () => optim.adamW({ lr: 0.01 }),
    adamax: () => optim.adamax({ lr: 0.01 }),
    nadam: () => optim.nadam({ lr: 0.01 }),
    radam: () => optim.radam({ lr: 0.01, betas: [0.9, 0.99] }),
    rmsProp: () => optim.rmsProp({ lr: 0.005 }),
    adagrad: () => optim.adagrad({ lr: rates.adagrad, lrDecay: 0.01, initialAccumulatorValue: 0.1 }),
    adadelta: () => optim.adadelta({ lr: rates.adadelta }),
  }).map(([name, make]) => [name, () => classifier(mlp(), [12], make())]),
);
