import { describe, expect, test } from "vitest";
import { sizeOf } from "../../src/graph/shape.ts";
import type { Tensor, Variable } from "../../src/graph/tensor.ts";
import * as t from "../../src/index.ts";
import { nn } from "../../src/index.ts";
import { exportOnnx, importOnnx } from "../../src/onnx/index.ts";
import { readModel } from "../../src/onnx/model.ts";
import { evaluate } from "../../src/reference/index.ts";
import { cases } from "../cases.ts";
import { inputsOf } from "../differences.ts";
import { fill, reals } from "../draws.ts";
import { firstMiss, readManifest } from "../golden/cases.ts";
import { evaluation, modelSkipped } from "../golden/trajectories.ts";
import { examples } from "../models.ts";
import { agree, firstValues, inputsIn, opsOf, readerOf, runOnnx } from "../onnxExport.ts";

describe("every op computes the same in ONNX Runtime, and when it is imported again", () => {
  const rows = cases.flatMap(({ name, op, shapes, draws }) =>
    shapes.map((shape, i) => ({ name: i === 0 ? name : `${name} ${i}`, op, shape, draws })),
  );

  test.each(rows)("$name", async ({ name, op, shape, draws }) => {
    const { inputs, feeds } = inputsOf(fill(draws ?? [reals(-2, 2)], shape.map(sizeOf)), shape);
    const y: Tensor = op(...inputs);
    if (name.startsWith("foreach")) {
      await expect(exportOnnx(firstValues, { y })).rejects.toThrow("op foreach");
      return;
    }
    for (const opset of [17, 22]) {
      // ONNX Runtime refuses what other implementations leave open.
      if (name.startsWith("mod of integers") && feeds["x1"]!.includes(0))
        await expect(agree(y, { feeds, opset })).rejects.toThrow("Integer modulo by zero");
      else await agree(y, { feeds, opset });
    }
  });
});

/** Which ops of ONNX stand for each layer of nn: the first example's, without those that only give shapes. */
const forms: Readonly<Record<string, string>> = {
  adaptiveAvgPool2d: "ReduceMean",
  avgPool2d: "AveragePool",
  batchNorm2d: "BatchNormalization",
  conv1d: "Conv",
  conv2d: "Conv",
  convTranspose2d: "ConvTranspose",
  dropout: "Identity",
  elu: "Elu",
  embedding: "Gather",
  flatten: "Reshape",
  groupNorm: "Reshape InstanceNormalization Reshape Reshape Mul Reshape Add",
  hardswish: "HardSwish",
  instanceNorm2d: "InstanceNormalization",
  layerNorm: "LayerNormalization",
  leakyRelu: "LeakyRelu",
  linear: "Gemm",
  logSoftmax: "LogSoftmax",
  maxPool2d: "MaxPool",
  relu: "Relu",
  selu: "Selu",
  sigmoid: "Sigmoid",
  softmax: "Softmax",
  softplus: "Mul Softplus Div",
  softsign: "Softsign",
  tanh: "Tanh",
};

describe("every layer of nn computes the same in ONNX Runtime", () => {
  const list = Object.entries(examples).flatMap(([name, each]) => each.map((example, i) => ({ name, i, ...example })));

  test.each(list)("$name $i", async ({ name, i, make, x }) => {
    nn.seed(5);
    const layer = make() as unknown as (x: Tensor, mode?: nn.Mode) => Tensor | Record<string, Tensor>;
    const result = layer(x, name.endsWith("Cell") ? undefined : { training: false });
    const outputs = "shape" in result ? { y: result as Tensor } : { ...result };
    const data = Array.from({ length: x.size }, (_, k) => (x.dtype === "i32" ? k % 4 : Math.sin(k + 1)));
    for (const y of Object.values(outputs)) {
      for (const opset of [17, 22]) {
        const ops = await agree(y, { feeds: { x: data }, opset, half: name === "mixedPrecision" });
        if (i === 0 && opset === 17 && forms[name]) expect(ops.join(" ")).toBe(forms[name]);
      }
    }
  });
});

describe("recurrent layers are one node for each layer", () => {
  const x = t.input("x", [5, 2, 3]);
  const data = Array.from({ length: x.size }, (_, i) => Math.sin(i));

  test.each([
    ["LSTM", nn.lstm],
    ["GRU", nn.gru],
    ["RNN", nn.rnn],
  ] as const)("%s, two layers in both directions", async (op, make) => {
    const results = make(3, 4, { layers: 2, bidirectional: true })(x);
    const { bytes } = await exportOnnx(firstValues, { ...results } as unknown as Record<string, Tensor>);
    const nodes = readModel(bytes).graph.nodes.filter((node) => node.op === op);
    expect(nodes.map(({ attributes }) => attributes.get("direction")!.s)).toEqual(["bidirectional", "bidirectional"]);
    const wanted = evaluate({ ...results } as unknown as Record<string, Tensor>, { inputs: { x: data } });
    const found = await runOnnx(bytes, { x: { shape: x.shape, dtype: "f32", data } });
    for (const [name, { data: values }] of Object.entries(wanted))
      expect(firstMiss(found[name]!.data, values, 1e-4, 1e-5), name).toBe(undefined);
  });

  test("a direction in reverse alone, and first states", async () => {
    const [w, r] = [t.variable(0.3, [16, 3]), t.variable(-0.2, [16, 4])];
    const back = t.flip(x, 0);
    const { output, cN } = t.lstm(back, [{ weightIh: w, weightHh: r }], { h0: t.full([1, 2, 4], 0.5) });
    for (const y of [output, cN]) expect(await agree(y, { feeds: { x: data } })).toContain("LSTM");
  });

  test("gates that no linear layer made", async () => {
    const gates = t.input("gates", [5, 2, 16]);
    const { output } = t.lstm(t.relu(gates), [{ weightIh: identity(16), weightHh: t.variable(0.1, [16, 4]) }]);
    const values = Array.from({ length: gates.size }, (_, i) => Math.cos(i));
    expect(await agree(output, { feeds: { gates: values } })).toContain("LSTM");
  });

  test("cell states of all steps are refused: ONNX has the last", async () => {
    const { node } = nn.lstm(3, 4)(x).output.node.inputs[0]!;
    const kept = [node, nn.lstm(3, 4)(x).output.node].find(({ op }) => op.name === "lstmSequence")!.results[1]!;
    await expect(exportOnnx(firstValues, { kept })).rejects.toThrow(
      "the cell states of an LSTM at every step. ONNX has those of its last step alone",
    );
  });
});

/** A weight that changes nothing. */
const identity = (n: number): Tensor =>
  t.constant(
    Float32Array.from({ length: n * n }, (_, i) => Number(i % (n + 1) === 0)),
    [n, n],
  );

describe("PyTorch's models compute the same in ONNX Runtime", async () => {
  const { models } = await readManifest();
  test.each(models.filter((model) => !modelSkipped(model)))("$name", async (model) => {
    const { variables, weights, evaluated, x } = await evaluation(model);
    const { bytes } = await exportOnnx(readerOf(weights), { y: evaluated }, { model: variables as never });
    const wanted = evaluate([evaluated], { inputs: { x }, variables: weights })[0]!;
    const [{ shape, dtype }] = inputsIn([evaluated]) as [Tensor];
    const found = await runOnnx(bytes, { x: { shape, dtype, data: x } });
    expect(firstMiss(found["y"]!.data, wanted.data, 1e-3, 1e-5)).toBe(undefined);
    const back = importOnnx(bytes);
    expect(firstMiss(evaluate(back.outputs, { inputs: { x } })["y"]!.data, wanted.data, 1e-4, 1e-5)).toBe(undefined);
    // Recurrent weights are in ONNX's order under names of their own; all others keep theirs.
    const isOwn = (name: string) => /(^|\.)(weight|bias)_[ih]h_/.test(name);
    for (const name of variables.keys()) {
      const isRead = !/num_batches_tracked$/.test(name) && !isOwn(name);
      if (isRead) expect([...back.variables.keys(), ...namesIn(bytes)]).toContain(name);
    }
  });
});

const namesIn = (bytes: Uint8Array): string[] => readModel(bytes).graph.initializers.map(({ name }) => name);

describe("a model for batches of any size", () => {
  const model = nn.sequential(
    nn.conv2d(1, 4, 3, { padding: 1 }),
    nn.batchNorm2d(4),
    nn.relu(),
    nn.maxPool2d(2),
    nn.flatten(),
    nn.linear(64, 3),
  );
  const run = ({ x }: { x: Tensor }) => ({ scores: model(x as never, { training: false }) });

  test("takes one and many", async () => {
    const { bytes } = await exportOnnx(firstValues, run, { inputs: { x: [1, 8, 8] }, model });
    const { graph } = readModel(bytes);
    expect(graph.inputs[0]!.dims).toEqual(["batch", 1, 8, 8]);
    expect(graph.outputs[0]!.dims).toEqual(["batch", 3]);
    expect(opsOf(bytes)).toEqual(["Conv", "BatchNormalization", "Relu", "MaxPool", "Reshape", "Gemm"]);
    for (const batch of [1, 2, 5]) {
      const data = Array.from({ length: batch * 64 }, (_, i) => Math.sin(i));
      const found = await runOnnx(bytes, { x: { shape: [batch, 1, 8, 8], dtype: "f32", data } });
      const wanted = evaluate(run({ x: t.input("x", [batch, 1, 8, 8]) }), { inputs: { x: data } });
      expect(found["scores"]!.shape).toEqual([batch, 3]);
      expect(firstMiss(found["scores"]!.data, wanted.scores.data, 1e-4, 1e-5)).toBe(undefined);
    }
  });

  test("of a transformer, an LSTM, and counts along the batch", async () => {
    const table = nn.embedding(7, 8);
    const layer = nn.transformerEncoderLayer(8, 2);
    const lstm = nn.lstm(8, 4, { bidirectional: true, batchFirst: true });
    const outputs = ({ words }: { words: Tensor }) => {
      const body = layer(table(words as never), { training: false });
      const rows = t.mul(t.iota([words.shape[0]!, 2], 0), 2);
      return { body, last: lstm(body).hN, rows, ones: t.full([words.shape[0]!, 3], 1) };
    };
    const { bytes } = await exportOnnx(firstValues, outputs, { inputs: { words: { shape: [5], dtype: "i32" } } });
    for (const batch of [1, 3]) {
      const data = Array.from({ length: batch * 5 }, (_, i) => (i * 3) % 7);
      const found = await runOnnx(bytes, { words: { shape: [batch, 5], dtype: "i32", data } });
      const wanted = evaluate(outputs({ words: t.input("words", [batch, 5], "i32") }), { inputs: { words: data } });
      for (const [name, { shape, data: values }] of Object.entries(wanted)) {
        expect(found[name]!.shape, name).toEqual(shape);
        expect(firstMiss(found[name]!.data, values, 1e-4, 1e-5), name).toBe(undefined);
      }
    }
  });
});

describe("weights", () => {
  const model = { body: nn.linear(3, 2), head: nn.linear(2, 2) };
  const x = t.input("x", [1, 3]);
  const y = model.head(model.body(x));

  test("have the model's names", async () => {
    const { bytes, files } = await exportOnnx(firstValues, { y }, { model });
    expect(namesIn(bytes)).toEqual(["body.weight", "body.bias", "head.weight", "head.bias"]);
    expect(files).toEqual({});
    expect([...importOnnx(bytes).variables.keys()]).toEqual(namesIn(bytes));
  });

  test("beside the model", async () => {
    const { bytes, files } = await exportOnnx(firstValues, { y }, { model, external: "weights.bin" });
    expect(Object.keys(files)).toEqual(["weights.bin"]);
    const data = [1, -2, 0.5];
    const wanted = evaluate([y], { inputs: { x: data } })[0]!.data;
    const again = evaluate(importOnnx(bytes, { files }).outputs, { inputs: { x: data } })["y"]!;
    expect(firstMiss(again.data, wanted, 1e-6, 1e-7)).toBe(undefined);
    const run = await runOnnx(bytes, { x: { shape: [1, 3], dtype: "f32", data } }, files);
    expect(firstMiss(run["y"]!.data, wanted, 1e-5, 1e-6)).toBe(undefined);
  });

  test("of f16 stay f16", async () => {
    const half = t.variable(Float32Array.of(1, 2, 3), [3], { dtype: "f16", name: "half" });
    const { bytes } = await exportOnnx(firstValues, { y: t.cast(half, "f32") });
    expect(readModel(bytes).graph.initializers[0]!.type).toBe(10);
    expect([...evaluate(importOnnx(bytes).outputs)["y"]!.data]).toEqual([1, 2, 3]);
  });

  test("that are no part of the model are refused", async () => {
    await expect(exportOnnx(firstValues, { y }, { model: model.body })).rejects.toThrow("is no part of the model");
  });
});

describe("outputs", () => {
  const x = t.input("x", [2]);

  test("may be one value, an input, a constant and truth values", async () => {
    const twice = t.add(x, x);
    const outputs = { a: twice, b: twice, same: x, two: t.full([2], 2), test: t.gt(x, 0) };
    const { bytes } = await exportOnnx(firstValues, outputs as Record<string, Tensor>);
    const found = await runOnnx(bytes, { x: { shape: [2], dtype: "f32", data: [1, -1] } });
    expect(Object.fromEntries(Object.entries(found).map(([name, { data }]) => [name, [...data]]))).toEqual({
      a: [2, -2],
      b: [2, -2],
      same: [1, -1],
      two: [2, 2],
      test: [1, 0],
    });
  });

  test("have texts beside them", async () => {
    const metadata = { labels: '["no","yes – 是"]', "": "", ["__proto__"]: "a key like others" };
    const { bytes } = await exportOnnx(firstValues, { y: t.neg(x) }, { metadata });
    const found = importOnnx(bytes).metadata;
    expect(Object.entries(found).sort()).toEqual(Object.entries(metadata).sort());
    const run = await runOnnx(bytes, { x: { shape: [2], dtype: "f32", data: [1, -1] } });
    expect([...run["y"]!.data]).toEqual([-1, 1]);
    expect(importOnnx((await exportOnnx(firstValues, { y: t.neg(x) })).bytes).metadata).toEqual({});
  });

  test("all that ONNX lacks is named at once", async () => {
    const loss = t.sum(t.conv2d(t.input("image", [1, 1, 4, 4]), t.variable(1, [1, 1, 3, 3], { name: "w" })));
    const [w] = loss.node.inputs[0]!.node.inputs.slice(1) as [Variable];
    const gradient = t.grad(loss, [w])[0];
    const noise = nn.dropout(0.5)(x, { training: true });
    await expect(exportOnnx(firstValues, { gradient, noise })).rejects.toThrow(
      /no form for op conv2dWeightGrad; op uniform, which updates variables.*training: false/,
    );
  });
});
