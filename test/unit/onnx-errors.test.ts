import { describe, expect, test } from "vitest";
import { apply, type Tensor } from "../../src/graph/tensor.ts";
import * as t from "../../src/index.ts";
import { nn } from "../../src/index.ts";
import { sameGraph } from "../../src/onnx/export/proto.ts";
import { exportOnnx, importOnnx } from "../../src/onnx/index.ts";
import { readModel } from "../../src/onnx/model.ts";
import { isNegativeInfinity, isPositiveInfinity } from "../../src/ops/pointwise/classify.ts";
import { agree, agreeForBatches, firstValues } from "../onnxExport.ts";

const x = t.input("x", [2]);
const inputs = { x: [3] };

/** Calls without types, as from JavaScript. */
const refused = (...args: unknown[]) =>
  expect((exportOnnx as (...all: unknown[]) => Promise<unknown>)(firstValues, ...args)).rejects;

describe("outputs", () => {
  test.each([
    ["missing", undefined, "the second argument is missing"],
    ["none", {}, "there is no output"],
    ["a number", { y: 3 }, 'output "y" is 3, expected a tensor'],
    ["a tensor alone", t.neg(x), "the second argument is tensor f32[2], expected { name: tensor, … }"],
    ["a name that an input has", { x: t.neg(x) }, 'two inputs or outputs have the name "x"'],
    ["without a name", { "": t.neg(x) }, "an output has no name"],
    ["of an input without a name", { y: t.neg(t.input("", [2])) }, "an input has no name"],
    ["of a variable without a name", { y: t.variable(1, [2], { name: "" }) }, "a variable has no name"],
  ])("%s", async (_, outputs, message) => {
    await refused(outputs).toThrow(`exportOnnx: ${message}`);
  });

  test.each([
    ["nothing", () => undefined, "missing"],
    ["a promise", async () => ({}), "a Promise"],
    ["a tensor", ({ x }: { x: Tensor }) => t.neg(x), "tensor f32[100003, 3]"],
    ["a list", ({ x }: { x: Tensor }) => [x], "[a Tensor]"],
  ])("of a function that returns %s", async (_, run, found) => {
    const message = `what the function returns is ${found}, expected { name: tensor, … }`;
    await refused(run, { inputs }).toThrow(message);
  });

  test("of a module", async () => {
    await refused(nn.linear(3, 2), { inputs }).toThrow("the second argument is a module, expected a function");
  });
});

describe("options", () => {
  test.each([
    ["opset", { opset: 16 }, "opset is 16"],
    ["model", { model: 5 }, "model is 5, expected a model"],
    ["a text that is a number", { metadata: { size: 3 } }, 'metadata "size" is 3, expected a text'],
    ["inputs beside tensors", { inputs }, "inputs is an object, expected none"],
  ])("%s", async (_, options, message) => {
    await refused({ y: x }, options).toThrow(message);
  });

  test.each(["", ".", "..", "../x", "a\\b", "C:x", "a\0b"])("external %j", async (external) => {
    await refused({ y: x }, { external }).toThrow("external");
  });

  test.each([
    ["none", undefined, "inputs is missing"],
    ["null", { x: null }, 'input "x" is null, expected the sizes of one sample'],
    ["a number", { x: 3 }, 'input "x" is 3, expected the sizes of one sample'],
    ["a tensor", { x }, 'input "x" is tensor f32[2], expected the sizes of one sample'],
    ["misspelt", { x: { shape: [3], dtyp: "i32" } }, 'input "x": there is no option "dtyp" (did you mean "dtype"?)'],
    ["another dtype", { x: { shape: [3], dtype: "int32" } }, 'input "x"'],
    ["without a name", { "": [3] }, "an input has no name"],
  ])("samples: %s", async (_, inputs, message) => {
    const run = (given: Record<string, Tensor>) => ({ y: t.neg(Object.values(given)[0]!) });
    await refused(run, { inputs }).toThrow(message);
  });

  test("an engine", async () => {
    await expect(exportOnnx(undefined as never, { y: x })).rejects.toThrow("the engine is missing");
  });
});

describe("what ONNX lacks", () => {
  test("comes before names of variables, and training is named", async () => {
    const run = ({ x }: { x: Tensor }) => ({ y: nn.dropout(0.5)(x, { training: true }) });
    await refused(run, { inputs, model: nn.linear(2, 2) }).toThrow(
      "exportOnnx: ONNX has no form for op uniform, which updates variables. Is the model in training mode? Pass it { training: false }",
    );
  });

  test("also an op of one's own, whatever its name", async () => {
    const twice = t.elementwise("relu", { inputs: ["x"], wgsl: "x + x", reference: (x) => x + x });
    await refused({ y: twice(x) }).toThrow("ONNX has no form for op relu of your own");
  });

  test("also a convolution that leaves out positions", async () => {
    const y = t.conv2d(t.input("image", [1, 1, 4, 4]), t.variable(1, [1, 1, 2, 2]), undefined, { stride: 2 });
    const { op, attrs, inputs } = y.node;
    await refused({ y: apply(op, inputs, { ...attrs, size: [1, 2] }) }).toThrow(
      "op conv2d that leaves out positions: 1 × 2 of 2 × 2",
    );
  });
});

describe("a function of inputs", () => {
  test("may read none of them, or some", async () => {
    const ones = ({ x }: Record<string, Tensor>) => ({ y: t.full([x!.shape[0]!, 3], 1) });
    await agreeForBatches(ones as never, { x: [3] });
    const second = ({ z }: Record<string, Tensor>) => ({ y: t.neg(z!) });
    await agreeForBatches(second as never, { x: [3], z: [2] });
    const { bytes } = await exportOnnx(firstValues, second as never, { inputs: { z: [2], x: [3] } });
    expect(readModel(bytes).graph.inputs.map(({ name }) => name)).toEqual(["z", "x"]);
  });

  test("gives graphs that are compared number by number, however many there are", () => {
    const graph = (data: ArrayLike<number>) => ({
      nodes: [],
      initializers: new Map([["c", { type: "f32", shape: [data.length], data, isWeight: true } as const]]),
      inputs: [],
      outputs: [],
    });
    const endless = { length: 2 ** 40 };
    expect(sameGraph(graph(endless), graph(endless))).toBe(true);
    expect(sameGraph(graph([1, Number.NaN]), graph([1, Number.NaN]))).toBe(true);
    expect(sameGraph(graph([1, 0]), graph([1, -0]))).toBe(false);
    expect(sameGraph(graph([1, 0]), graph([1, 1]))).toBe(false);
  });

  test("may have sizes like those that stand for the batch", async () => {
    const run = ({ x }: Record<string, Tensor>) => ({ y: t.sum(t.mul(x!, t.full([100_003], 2)), 1) });
    await agreeForBatches(run as never, { x: [100_003] });
  });
  test("makes no variables of its own", async () => {
    const run = ({ x }: { x: Tensor }) => ({ y: nn.linear(3, 2)(x) });
    await refused(run, { inputs }).toThrow(
      'exportOnnx: the function makes another variable "weight" at each call: make the model before',
    );
  });

  test("refuses numbers that the batch decides", async () => {
    const outputs = ({ x }: { x: Tensor }) => ({ y: t.mul(x, 1 / x.shape[0]!) });
    await expect(exportOnnx(firstValues, outputs, { inputs: { x: [2] } })).rejects.toThrow(
      "a number in the graph depends on the size of the batch",
    );
    await expect(exportOnnx(firstValues, outputs)).rejects.toThrow("inputs");
    const [wide, weightHh] = [t.variable(0.5, [16, 3]), t.variable(0.1, [16, 4])];
    const scaled = ({ x }: { x: Tensor }) => {
      const weightIh = t.mul(wide, 10 / x.shape[0]!);
      return { y: t.lstm(x, [{ weightIh, weightHh }], { batchFirst: true }).output };
    };
    await expect(exportOnnx(firstValues, scaled, { inputs: { x: [5, 3] } })).rejects.toThrow(
      "a number in the graph depends on the size of the batch",
    );
    const products = ({ x }: { x: Tensor }) => ({ y: t.cumprod(x, 0) });
    await expect(exportOnnx(firstValues, products, { inputs: { x: [2] } })).rejects.toThrow(
      "op cumprod along the batch",
    );
  });
});

describe("names that every object has", () => {
  test.each(["constructor", "toString", "__proto__", "valueOf"])("%s", async (name) => {
    const { bytes } = await exportOnnx(firstValues, { y: t.relu(t.input(name, [3])) });
    const back = importOnnx(bytes);
    expect(Object.keys(back.inputs)).toEqual([name]);
    const renamed = await exportOnnx(firstValues, { [name]: t.relu(x) });
    expect(Object.keys(importOnnx(renamed.bytes).outputs)).toEqual([name]);
  });
});

test("kinds of infinity, and sums of squares", async () => {
  const y = t.input("y", [4]);
  const feeds = { y: [1, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0] };
  for (const opset of [17, 22]) {
    const ops = await agree({ more: isPositiveInfinity(y), less: isNegativeInfinity(y) }, { feeds, opset });
    expect(ops).toEqual(["IsInf", "IsInf", "Cast", "Cast"]);
    await agree(t.squaredNorm([t.input("a", [2, 3]), t.input("b", []), t.variable(2, [3])]), { opset });
  }
});
