import { describe, expect, test } from "vitest";
import { compile } from "../../src/compile/compile.ts";
import * as t from "../../src/index.ts";
import { input, losses, nn, optim } from "../../src/index.ts";
import { evaluate, ReferenceProgram } from "../../src/reference/index.ts";
import { software } from "../adapters.ts";

const x = input("x", [4, 6, 2]);
const names = (layer: nn.Module) => [...nn.stateDict(layer).keys()];

describe("normalisation", () => {
  test("refuses unfit shapes by name", () => {
    expect(() => t.layerNorm(x, [6, 3])).toThrow("layerNorm: input is [4, 6, 2], expected […, 6, 3]");
    expect(() => t.layerNorm(x, 2, { weight: input("w", [3]) })).toThrow("layerNorm: weight is [3], expected [2]");
    expect(() => t.rmsNorm(x, 2, { eps: -1 })).toThrow("rmsNorm: eps is -1");
    expect(() => t.groupNorm(x, 4)).toThrow("groupNorm: cannot divide 6 channels into 4 groups");
    expect(() => t.instanceNorm(input("v", [3]))).toThrow("instanceNorm: input is [3], expected [N, C, …]");
    expect(() => t.layerNorm(input("i", [2, 2], "i32"), 2)).toThrow(t.DTypeError);
    expect(() => t.batchNorm(x)).toThrow("batchNorm: evaluation needs running statistics");
    expect(() => t.batchNorm(input("one", [1, 3]), { training: true })).toThrow("one value per channel");
    expect(() => nn.batchNorm2d(6)(x)).toThrow("nn.batchNorm2d: input is [4, 6, 2], expected [N, 6, H, W]");
    expect(() => nn.batchNorm1d(5)(x)).toThrow("expected [N, 5] or [N, 5, L]");
    expect(() => nn.groupNorm(3, 4)).toThrow("cannot divide 4 channels into 3 groups");
    expect(() => nn.embedding(3, 2, { paddingIdx: 3 })).toThrow("paddingIdx is 3, expected a whole number from 0 to 2");
    expect(() => nn.multiheadAttention(6, 4)).toThrow("cannot divide size 6 into 4 heads");
    expect(() => nn.multiheadAttention(4, 2)(x)).toThrow("input is [4, 6, 2], expected [N, L, 4]");
  });

  test("layers have PyTorch's names", () => {
    expect(names(nn.layerNorm([6, 2]))).toEqual(["weight", "bias"]);
    expect(names(nn.layerNorm(2, { bias: false }))).toEqual(["weight"]);
    expect(names(nn.rmsNorm(2))).toEqual(["weight"]);
    expect(names(nn.groupNorm(2, 6, { affine: false }))).toEqual([]);
    expect(names(nn.instanceNorm2d(6))).toEqual([]);
    const statistics = ["running_mean", "running_var", "num_batches_tracked"];
    expect(names(nn.batchNorm1d(6))).toEqual(["weight", "bias", ...statistics]);
    expect(names(nn.batchNorm1d(6, { trackRunningStats: false }))).toEqual(["weight", "bias"]);
    expect(names(nn.multiheadAttention(4, 2))).toEqual([
      "in_proj_weight",
      "in_proj_bias",
      "out_proj.weight",
      "out_proj.bias",
    ]);
    expect(names(nn.multiheadAttention(4, 2, { bias: false }))).toEqual(["in_proj_weight", "out_proj.weight"]);
    expect(names(nn.transformerEncoderLayer(4, 2)).slice(-4)).toEqual([
      "norm1.weight",
      "norm1.bias",
      "norm2.weight",
      "norm2.bias",
    ]);
  });

  test("no optimizer changes running statistics", () => {
    const layer = nn.batchNorm1d(6);
    const loss = t.mean(layer(x, { training: true }));
    expect(optim.parametersOf(loss).map(({ name }) => name)).toEqual(["weight", "bias"]);
  });

  test("without running statistics, evaluation equals training", () => {
    const layer = nn.batchNorm1d(6, { trackRunningStats: false });
    const feeds = { inputs: { x: Float32Array.from({ length: 48 }, (_, i) => Math.sin(i)) } };
    const [a, b] = evaluate([layer(x), layer(x, { training: true })], feeds);
    expect(a).toEqual(b);
  });

  test("a training program updates statistics that are not outputs", () => {
    const layer = nn.batchNorm1d(6);
    const loss = losses.mse(layer(x, { training: true }), input("y", [4, 6, 2]));
    const program = new ReferenceProgram({ updates: optim.sgd({ lr: 0.1 }).minimize(loss) });
    program.run({ x: new Float32Array(48).fill(2), y: new Float32Array(48) });
    const state = nn.stateDict(layer);
    expect(program.read(state.get("running_mean")!)[0]).toBeCloseTo(0.2, 9);
    expect(program.read(state.get("running_var")!)[0]).toBeCloseTo(0.9, 9);
    expect(program.read(state.get("num_batches_tracked")!)[0]).toBe(1);
  });

  test("layer normalisation is one kernel forward and one backward", () => {
    const layer = nn.layerNorm(2);
    const loss = t.sum(t.exp(layer(x)));
    const { calls } = compile({ outputs: { loss, dx: t.grad(loss, [x])[0]! } }, software, new Map(), {
      merge: false,
    });
    expect(calls.filter(({ family }) => family === "layerNorm").map(({ label }) => label)).toEqual([
      "layerNorm[24x2]:f32",
      "layerNormGrad[24x2]:f32",
    ]);
  });
});

test("a training step of batch normalisation sums over the batch five times, and computes no sum twice", () => {
  const layer = nn.batchNorm2d(3);
  const images = input("images", [4, 3, 5, 5]);
  const loss = t.sum(t.exp(layer(images, { training: true })));
  const updates = optim.sgd({ lr: 0.1 }).minimize(loss);
  const { calls } = compile({ outputs: { loss }, updates }, software, new Map(), { merge: false });
  const sums = calls.map(({ label }) => label).filter((label) => label.includes("sum[4x3x5x5]"));
  // Sums for the mean, the variance, the loss and the gradients of weight and bias. All other gradients reuse these.
  expect(sums).toHaveLength(5);
});

describe("attention", () => {
  const [query, memory] = [input("q", [2, 3, 4]), input("m", [2, 5, 4])];
  const layer = nn.multiheadAttention(4, 2);
  const feeds = {
    q: Float32Array.from({ length: 24 }, (_, i) => Math.sin(i)),
    m: Float32Array.from({ length: 40 }, (_, i) => Math.cos(i)),
  };

  test("attends to the input itself, or to a memory", () => {
    const [self] = evaluate([layer(query, {}, { memory: query })], { inputs: { q: feeds.q } });
    const [own] = evaluate([layer(query)], { inputs: { q: feeds.q } });
    self!.data.forEach((value, i) => {
      expect(value).toBeCloseTo(own!.data[i]!, 12);
    });
    expect(layer(query, {}, { memory }).shape).toEqual([2, 3, 4]);
  });

  test("a mask for each sample reaches all of its heads", () => {
    // Each query attends to one key only, so it gets that key's value.
    const only = (key: number) => Int32Array.from({ length: 30 }, (_, i) => Number(i % 5 === key));
    const masked = layer(query, {}, { memory, mask: input("mask", [2, 3, 5], "i32") });
    const single = layer(query, {}, { memory: t.slice(memory, [undefined, [2, 3]]) });
    const [got] = evaluate([masked], { inputs: { ...feeds, mask: only(2) } });
    const [want] = evaluate([single], { inputs: feeds });
    got!.data.forEach((value, i) => {
      expect(value).toBeCloseTo(want!.data[i]!, 12);
    });
  });

  test("a causal block does not see later positions", () => {
    nn.seed(3);
    for (const normFirst of [true, false]) {
      const block = nn.transformerEncoderLayer(4, 2, { feedforward: 8, dropout: 0.5, activation: "gelu", normFirst });
      const y = block(query, {}, { causal: true });
      const later = feeds.q.slice();
      later.fill(9, 20);
      const [before, after] = [feeds.q, later].map((q) => evaluate([y], { inputs: { q } })[0]!.data);
      expect(after!.subarray(0, 20)).toEqual(before!.subarray(0, 20));
      expect(after!.subarray(20)).not.toEqual(before!.subarray(20));
    }
  });
});

test("an embedding's padding starts as zeros and stays", () => {
  const layer = nn.embedding(4, 3, { paddingIdx: 1 });
  const weight = nn.stateDict(layer).get("weight")!;
  expect([...weight.initial.subarray(3, 6)]).toEqual([0, 0, 0]);
  expect(weight.initial[0]).not.toBe(0);
  const loss = t.sum(t.exp(layer(input("i", [5], "i32"))));
  const [gradient] = evaluate([t.grad(loss, [weight])[0]!], { inputs: { i: [1, 1, 0, 3, 3] } });
  expect([...gradient!.data.subarray(3, 9)]).toEqual([0, 0, 0, 0, 0, 0]);
  expect(gradient!.data[9]).toBeCloseTo(2 * Math.exp(weight.initial[9]!), 6);
});
