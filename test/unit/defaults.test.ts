import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import * as t from "../../src/index.ts";
import { input, losses, nn, optim, print, type Tensor, variable } from "../../src/index.ts";

/*
 * PyTorch's defaults, written out: with them and without them, the graphs must be equal.
 */

const [x, y, labels] = [input("x", [4, 3]), input("y", [4, 3]), input("labels", [4], "i32")];
const image = input("image", [2, 4, 8, 8]);
const sequence = input("sequence", [5, 2, 3]);

/** A graph as text, without names of variables and first values. */
const graphOf = (build: () => Tensor): string => {
  nn.seed(1);
  return print({ y: build() });
};

const training = { training: true };

type Pair = readonly [name: string, plain: () => Tensor, saidAsPyTorchHasIt: () => Tensor];
const layer = (name: string, plain: () => nn.Module, said: () => nn.Module, on: Tensor = x): Pair => [
  name,
  () => plain()(on, training),
  () => said()(on, training),
];

const pairs: readonly Pair[] = [
  ["mse", () => losses.mse(x, y), () => losses.mse(x, y, { reduction: "mean" })],
  ["l1", () => losses.l1(x, y), () => losses.l1(x, y, { reduction: "mean" })],
  ["smoothL1", () => losses.smoothL1(x, y), () => losses.smoothL1(x, y, { beta: 1, reduction: "mean" })],
  ["huber", () => losses.huber(x, y), () => losses.huber(x, y, { delta: 1, reduction: "mean" })],
  ["bce", () => losses.bce(x, y), () => losses.bce(x, y, { reduction: "mean" })],
  ["bceWithLogits", () => losses.bceWithLogits(x, y), () => losses.bceWithLogits(x, y, { reduction: "mean" })],
  ["klDiv", () => losses.klDiv(x, y), () => losses.klDiv(x, y, { reduction: "mean", logTarget: false })],
  [
    "cosineEmbedding",
    () => losses.cosineEmbedding(x, y, input("one", [4])),
    () => losses.cosineEmbedding(x, y, input("one", [4]), { margin: 0, reduction: "mean" }),
  ],
  [
    "crossEntropy",
    () => losses.crossEntropy(x, labels),
    () => losses.crossEntropy(x, labels, { labelSmoothing: 0, reduction: "mean" }),
  ],
  ["nll", () => losses.nll(x, labels), () => losses.nll(x, labels, { reduction: "mean" })],
  ["variance", () => t.variance(x), () => t.variance(x, [], { correction: 1, keepdim: false })],
  ["norm", () => t.norm(x), () => t.norm(x, [], { p: 2 })],
  ["leakyRelu", () => t.leakyRelu(x), () => t.leakyRelu(x, 0.01)],
  ["elu", () => t.elu(x), () => t.elu(x, 1)],
  ["gelu", () => t.gelu(x), () => t.gelu(x, "none")],
  ["softplus", () => t.softplus(x), () => t.softplus(x, { beta: 1, threshold: 20 })],
  [
    "conv2d",
    () => t.conv2d(image, image),
    () => t.conv2d(image, image, undefined, { stride: 1, padding: 0, dilation: 1, groups: 1 }),
  ],
  [
    "maxPool2d",
    () => t.maxPool2d(image, 2),
    () => t.maxPool2d(image, 2, { stride: 2, padding: 0, dilation: 1, ceilMode: false }),
  ],
  [
    "avgPool2d",
    () => t.avgPool2d(image, 2),
    () => t.avgPool2d(image, 2, { stride: 2, padding: 0, ceilMode: false, countIncludePad: true }),
  ],
  [
    "interpolate",
    () => t.interpolate(image, { scaleFactor: 2 }),
    () => t.interpolate(image, { scaleFactor: [2, 2], mode: "nearest", alignCorners: false }),
  ],
  layer(
    "nn.dropout",
    () => nn.dropout(),
    () => nn.dropout(0.5),
  ),
  layer(
    "nn.linear",
    () => nn.linear(3, 2),
    () => nn.linear(3, 2, { bias: true }),
  ),
  layer(
    "nn.flatten",
    () => nn.flatten(),
    () => nn.flatten(1),
    image,
  ),
  layer(
    "nn.conv2d",
    () => nn.conv2d(4, 2, 3),
    () => nn.conv2d(4, 2, 3, { bias: true, stride: 1, padding: 0 }),
    image,
  ),
  layer(
    "nn.layerNorm",
    () => nn.layerNorm(3),
    () => nn.layerNorm(3, { eps: 1e-5, affine: true, bias: true }),
  ),
  layer(
    "nn.rmsNorm",
    () => nn.rmsNorm(3),
    () => nn.rmsNorm(3, { eps: 2 ** -23, affine: true }),
  ),
  layer(
    "nn.groupNorm",
    () => nn.groupNorm(2, 4),
    () => nn.groupNorm(2, 4, { eps: 1e-5, affine: true }),
    image,
  ),
  layer(
    "nn.instanceNorm2d",
    () => nn.instanceNorm2d(4),
    () => nn.instanceNorm2d(4, { eps: 1e-5, affine: false }),
    image,
  ),
  layer(
    "nn.batchNorm2d",
    () => nn.batchNorm2d(4),
    () => nn.batchNorm2d(4, { eps: 1e-5, momentum: 0.1, affine: true, trackRunningStats: true }),
    image,
  ),
  ...(["lstm", "gru", "rnn"] as const).map((kind) =>
    layer(
      `nn.${kind}`,
      () => nn[kind](3, 2).output,
      () => nn[kind](3, 2, { layers: 1, bias: true, batchFirst: false, dropout: 0, bidirectional: false }).output,
      sequence,
    ),
  ),
  layer(
    "nn.multiheadAttention",
    () => nn.multiheadAttention(3, 1),
    () => nn.multiheadAttention(3, 1, { bias: true }),
    sequence,
  ),
  layer(
    "nn.transformerEncoderLayer",
    () => nn.transformerEncoderLayer(3, 1),
    () =>
      nn.transformerEncoderLayer(3, 1, {
        feedforward: 2048,
        dropout: 0.1,
        activation: "relu",
        normFirst: false,
        eps: 1e-5,
      }),
    sequence,
  ),
];

describe("with PyTorch's defaults and without options", () => {
  test.each(pairs)("%s", (_, plain, said) => expect(graphOf(plain)).toBe(graphOf(said)));
});

const optimizers: readonly (readonly [string, () => optim.Optimizer, () => optim.Optimizer])[] = [
  [
    "sgd",
    () => optim.sgd({ lr: 1 }),
    () => optim.sgd({ lr: 1, momentum: 0, dampening: 0, weightDecay: 0, nesterov: false }),
  ],
  [
    "adam",
    () => optim.adam(),
    () => optim.adam({ lr: 1e-3, betas: [0.9, 0.999], eps: 1e-8, weightDecay: 0, amsgrad: false }),
  ],
  [
    "adamW",
    () => optim.adamW(),
    () => optim.adamW({ lr: 1e-3, betas: [0.9, 0.999], eps: 1e-8, weightDecay: 1e-2, amsgrad: false }),
  ],
  ["adamax", () => optim.adamax(), () => optim.adamax({ lr: 2e-3, betas: [0.9, 0.999], eps: 1e-8, weightDecay: 0 })],
  [
    "nadam",
    () => optim.nadam(),
    () => optim.nadam({ lr: 2e-3, betas: [0.9, 0.999], eps: 1e-8, weightDecay: 0, momentumDecay: 4e-3 }),
  ],
  ["radam", () => optim.radam(), () => optim.radam({ lr: 1e-3, betas: [0.9, 0.999], eps: 1e-8, weightDecay: 0 })],
  [
    "rmsProp",
    () => optim.rmsProp(),
    () => optim.rmsProp({ lr: 1e-2, alpha: 0.99, eps: 1e-8, weightDecay: 0, momentum: 0, centered: false }),
  ],
  [
    "adagrad",
    () => optim.adagrad(),
    () => optim.adagrad({ lr: 1e-2, lrDecay: 0, weightDecay: 0, initialAccumulatorValue: 0, eps: 1e-10 }),
  ],
  ["adadelta", () => optim.adadelta(), () => optim.adadelta({ lr: 1, rho: 0.9, eps: 1e-6, weightDecay: 0 })],
];

describe("optimizers with PyTorch's defaults and without options", () => {
  test.each(optimizers)("%s", (_, plain, said) => {
    const step = (optimizer: optim.Optimizer) => {
      const w = variable(Float32Array.of(1, 2), [2], { name: "w" });
      const updates = optimizer.minimize(t.sum(t.mul(w, w)));
      return [print({ y: updates.find(([variable]) => variable === w)![1] }), ...optimizer.lr.initial];
    };
    expect(step(plain())).toEqual(step(said()));
  });
});

const schedules: readonly (readonly [string, optim.Schedule, optim.Schedule])[] = [
  ["constantLR", optim.constantLR(), optim.constantLR({ factor: 1 / 3, totalIters: 5 })],
  ["linearLR", optim.linearLR(), optim.linearLR({ startFactor: 1 / 3, endFactor: 1, totalIters: 5 })],
  ["stepLR", optim.stepLR({ stepSize: 2 }), optim.stepLR({ stepSize: 2, gamma: 0.1 })],
  ["multiStepLR", optim.multiStepLR({ milestones: [2] }), optim.multiStepLR({ milestones: [2], gamma: 0.1 })],
  ["cosineAnnealingLR", optim.cosineAnnealingLR({ tMax: 4 }), optim.cosineAnnealingLR({ tMax: 4, etaMin: 0 })],
  ["cosineWarmRestarts", optim.cosineWarmRestarts({ t0: 2 }), optim.cosineWarmRestarts({ t0: 2, tMult: 1, etaMin: 0 })],
  [
    "oneCycleLR",
    optim.oneCycleLR({ totalSteps: 8 }),
    optim.oneCycleLR({ totalSteps: 8, pctStart: 0.3, annealStrategy: "cos", divFactor: 25, finalDivFactor: 1e4 }),
  ],
];

test.each(schedules)("schedule %s with PyTorch's defaults and without options", (_, plain, said) => {
  for (let step = 0; step < 10; step++) expect(plain.at(step, 0.5)).toBe(said.at(step, 0.5));
});

test("reduceOnPlateau with PyTorch's defaults and without options", () => {
  const said = { factor: 0.1, patience: 10, threshold: 1e-4, cooldown: 0, minLr: 0, eps: 1e-8 } as const;
  const plateaus = [
    optim.reduceOnPlateau(1),
    optim.reduceOnPlateau(1, { mode: "min", thresholdMode: "rel", ...said }),
  ] as const;
  for (let i = 0; i < 200; i++) {
    for (const plateau of plateaus) plateau.report(1 - 6e-5 * (i % 30));
    expect(plateaus[0].lr).toBe(plateaus[1].lr);
  }
  expect(plateaus[0].lr).toBeLessThan(1);
});

test("first values are PyTorch's", () => {
  const valuesOf = (variable: t.Variable) => [...variable.initial].map(Math.abs);
  const largest = (model: nn.Module, name: string) => Math.max(...valuesOf(model.variables.get(name)!));
  nn.seed(1);
  for (const [model, fanIn] of [
    [nn.linear(400, 50), 400],
    [nn.conv2d(16, 32, 5), 400],
  ] as const) {
    for (const name of ["weight", "bias"]) {
      expect(largest(model, name)).toBeLessThanOrEqual(1 / Math.sqrt(fanIn));
      expect(largest(model, name)).toBeGreaterThan(0.9 / Math.sqrt(fanIn));
    }
  }
  const leaky = nn.init.kaimingUniform({ nonlinearity: "leaky_relu" })([300, 200]).values();
  // With slope 0, the gain is √2.
  expect(leaky.reduce((top, value) => Math.max(top, value), 0)).toBeCloseTo(Math.sqrt(6 / 200), 3);
});

test("all differences are in the table of the guide for users of PyTorch", () => {
  const table = readFileSync(new URL("../../demos/guides/from-pytorch.md", import.meta.url), "utf8");
  for (const name of [
    "ignoreIndex",
    "nn.seed",
    "optim.sgd",
    "oneCycleLR",
    "softmax",
    "adaptiveAvgPool2d",
    "lossScaler",
  ])
    expect(table).toContain(name);
  expect(() => optim.sgd({} as never)).toThrow("lr is missing");
  expect(() => optim.lossScaler({ initial: 2 ** 25 })).toThrow("from 2⁻²⁴ to 2²⁴");
  expect(() => losses.mse(x, input("z", [4, 1]))).toThrow(t.ShapeError);
  expect(t.softmax(x).node.attrs).toEqual(t.softmax(x, -1).node.attrs);
  expect(t.adaptiveAvgPool2d(image).shape).toEqual([2, 4, 1, 1]);
});
