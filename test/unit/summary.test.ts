import { describe, expect, test } from "vitest";
import * as t from "../../src/index.ts";
import { input, losses, nn, optim } from "../../src/index.ts";
import { summary } from "../../src/model/index.ts";
import { gpu } from "../adapters.ts";
import { blocks, examples } from "../models.ts";

test("a perceptron, as computed by hand", () => {
  const model = nn.sequential(nn.linear(784, 128), nn.relu(), nn.linear(128, 10));
  const { layers, text, ...totals } = summary(model, [64, 784]);
  expect(layers.map(({ path, kind, output, parameters }) => [path, kind, output!.shape, parameters])).toEqual([
    ["", "sequential", [64, 10], 0],
    ["0", "linear", [64, 128], 784 * 128 + 128],
    ["1", "relu", [64, 128], 0],
    ["2", "linear", [64, 10], 128 * 10 + 10],
  ]);
  // ReLU and bias are part of the first product's kernel.
  const products = [2 * 64 * 128 * 784, 2 * 64 * 10 * 128];
  expect(layers.map(({ operations }) => operations)).toEqual([
    0,
    products[0]! + 2 * 64 * 128,
    0,
    products[1]! + 64 * 10,
  ]);
  expect(layers.map(({ memory }) => memory)).toEqual([0, 4 * 64 * 128, 0, 4 * 64 * 10]);
  expect(layers.map(({ kernels }) => kernels)).toEqual([0, 1, 0, 1]);
  expect(totals.parameters).toBe(101_770);
  expect(totals.evaluation).toEqual({
    operations: layers.reduce((sum, { operations }) => sum + operations, 0),
    kernels: 2,
    dispatches: 2,
    memory: expect.objectContaining({ inputs: 4 * 64 * 784, scratch: 4 * 64 * 138, constants: 0 }),
  });
  expect(text).toBe(
    `
layer  kind        output     parameters    memory  operations  kernels
───────────────────────────────────────────────────────────────────────
model  sequential  [64, 10]
  0    linear      [64, 128]     100,480  32.0 KiB      12.9 M        1
  1    relu        [64, 128]
  2    linear      [64, 10]        1,290  2.50 KiB       164 k        1
───────────────────────────────────────────────────────────────────────
101,770 parameters (398 KiB)
evaluation: 13.0 M operations, 2 kernels in 2 dispatches
evaluation: 628 KiB of memory (variables 398 KiB, inputs 196 KiB, other values 34.5 KiB)
for a typical GPU; for your adapter, pass traits: engine.traits`.slice(1),
  );
  expect(summary(model, [64, 784], { traits: gpu }).text).not.toMatch("for a GPU");
});

test("nested layers, frozen ones, running statistics and a training program", () => {
  const body = nn.sequential(nn.conv2d(1, 8, 3, { padding: 1 }), nn.batchNorm2d(8), nn.relu(), nn.maxPool2d(2));
  const model = nn.sequential({ body, out: nn.flatten(), head: nn.linear(8 * 14 * 14, 10) });
  nn.freeze(model, "body");
  const loss = losses.crossEntropy(model(input("x", [4, 1, 28, 28]), { training: true }), input("y", [4], "i32"));
  const training = { outputs: { loss }, updates: optim.adam().minimize(loss) };
  const all = summary(model, [4, 1, 28, 28], { training });
  expect(all.layers.map(({ path, depth, output }) => [path, depth, output!.shape])).toEqual([
    ["", 0, [4, 10]],
    ["body", 1, [4, 8, 14, 14]],
    ["body.0", 2, [4, 8, 28, 28]],
    ["body.1", 2, [4, 8, 28, 28]],
    ["body.2", 2, [4, 8, 28, 28]],
    ["body.3", 2, [4, 8, 14, 14]],
    ["out", 1, [4, 1568]],
    ["head", 1, [4, 10]],
  ]);
  expect([all.parameters, all.frozen, all.buffers]).toEqual([80 + 16 + 15_690, 96, 17]);
  expect(all.layers.find(({ path }) => path === "body.1")).toMatchObject({ parameters: 16, frozen: 16, buffers: 17 });
  // Adam keeps two moments of what it trains; a frozen body needs none.
  const { variables } = all.training!.memory;
  expect(variables - all.evaluation.memory.variables).toBeGreaterThanOrEqual(2 * 4 * 15_690);
  expect(variables - all.evaluation.memory.variables).toBeLessThan(2 * 4 * 15_690 + 2048);
  expect(all.training!.operations).toBeGreaterThan(all.evaluation.operations);
  expect(all.text).toContain("96 of them frozen (*), 17 other numbers");
  expect(all.text).toMatch(/ {4}0 +conv2d +\[4, 8, 28, 28\] +80 \*/);
  expect(`${all}`).toBe(all.text);
});

test("a tied weight is counted once, and functions of the user have their names", () => {
  const table = nn.embedding(50, 8);
  const model = nn.sequential({
    table,
    block: blocks.residual(8),
    own: nn.module((x) => t.relu(x)),
    head: nn.tiedLinear(table),
  });
  const { layers, parameters } = summary(model, { shape: [2, 5], dtype: "i32" });
  expect(layers.map(({ path, kind, parameters }) => [path, kind, parameters])).toEqual([
    ["", "sequential", 0],
    ["table", "embedding", 400],
    ["block", "residual", 0],
    ["block.body", "linear", 72],
    ["own", "module", 0],
    ["head", "tiedLinear", 0],
  ]);
  expect(parameters).toBe(472);
});

test("a part of a model has paths of its own, and the same costs", () => {
  const body = nn.sequential(nn.linear(4, 8), nn.tanh());
  const alone = summary(body, [2, 4]);
  nn.sequential({ body, head: nn.linear(8, 2) });
  const inside = summary(body, [2, 4]);
  expect(inside.text).toBe(alone.text);
  expect(inside.layers).toEqual(
    alone.layers.map((layer) => ({ ...layer, output: expect.objectContaining({ shape: layer.output!.shape }) })),
  );
});

describe("every layer of nn has a summary whose parts add up", () => {
  const all = Object.entries(examples).flatMap(([name, list]) =>
    list.map((example, i) => [`${name} ${i}`, example] as const),
  );

  test.each(all)("%s", (_, { make, x }) => {
    const model = make();
    const { layers, evaluation, parameters, buffers } = summary(model, { shape: x.shape, dtype: x.dtype });
    const sum = (field: "operations" | "kernels" | "parameters" | "buffers") =>
      layers.reduce((total, layer) => total + layer[field], 0);
    expect(sum("operations")).toBeCloseTo(evaluation.operations, 3);
    expect(sum("kernels")).toBe(evaluation.kernels);
    expect(sum("parameters")).toBe(parameters);
    const sizes = [...new Set(model.variables.values())].reduce((total, { size }) => total + size, 0);
    expect(parameters + buffers).toBe(sizes);
    for (const { memory, output } of layers) {
      expect(memory).toBeLessThanOrEqual(evaluation.memory.scratchUnshared);
      if (output) expect(output.shape.every((n) => n > 0)).toBe(true);
    }
  });
});

test("a model may be called in another way, and for another adapter", () => {
  const attention = nn.multiheadAttention(8, 2);
  const call = (x: t.Tensor) => attention(x, {}, { causal: true, memory: input("memory", [2, 9, 8]) });
  expect(summary(attention, [2, 5, 8], { call, traits: gpu }).layers[0]!.output!.shape).toEqual([2, 5, 8]);
});

test("a model may consist of parts, and take several inputs", () => {
  const model = {
    words: nn.embedding(9, 8),
    body: nn.sequential(nn.linear(8, 4), nn.relu()),
    heads: [nn.linear(4, 2)],
  };
  const call = ({ ids, shift }: { ids: t.Tensor<"i32">; shift: t.Tensor }) =>
    model.heads[0]!(model.body(t.add(model.words(ids), shift)));
  const found = summary(model, { ids: { shape: [2, 5], dtype: "i32" }, shift: [2, 5, 8] }, { call });
  expect(found.layers.map(({ path, kind, parameters, kernels }) => [path, kind, parameters, kernels > 0])).toEqual([
    ["", "parts", 0, true], // the sum
    ["words", "embedding", 72, true],
    ["body", "sequential", 0, false],
    ["body.0", "linear", 36, true],
    ["body.1", "relu", 0, false],
    ["heads.0", "linear", 10, true],
  ]);
  expect(found.layers[0]!.output!.shape).toEqual([2, 5, 2]);
  expect(() => summary(model, [2, 5])).toThrow("summary: an object of modules needs the option call");
});

test("the text says why there may be fewer dispatches than kernels", () => {
  const [a, b] = [nn.linear(4, 2), nn.linear(4, 2)];
  const call = (x: t.Tensor) => ({ a: a(x), b: b(x) });
  expect(summary({ a, b }, [2, 4], { call }).text).toContain(
    "2 kernels in 1 dispatch (kernels that do not wait for each other share one)",
  );
});

describe("summary refuses", () => {
  const model = nn.linear(4, 2);

  test.each<[string, () => unknown, string]>([
    ["what is no module", () => summary(nn.relu as never, [1]), "summary: the model is a function, expected a module"],
    ["an input that does not fit", () => summary(model, [2, 5]), "linear: input [2, 5] does not fit weight [2, 4]"],
    ["a wrong shape", () => summary(model, [0, 4]), "summary: axis 0 of [0, 4] is 0"],
    ["no shape", () => summary(model, 4 as never), "summary: the input is 4, expected a shape, or { shape, dtype }"],
    ["a wrong dtype", () => summary(model, { shape: [1, 4], dtype: "f64" as never }), 'dtype is "f64"'],
    [
      "another result",
      () => summary(model, [1, 4], { call: () => 5 as never }),
      "the model's result is 5, expected a tensor",
    ],
  ])("%s", (_, call, message) => {
    expect(call).toThrow(message);
  });
});
