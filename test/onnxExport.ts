import * as ort from "onnxruntime-web";
import { expect } from "vitest";
import { order } from "../src/graph/print.ts";
import type { DType, Shape } from "../src/graph/shape.ts";
import type { Tensor, TensorData, Variable } from "../src/graph/tensor.ts";
import { exportOnnx, importOnnx, type OnnxTensors } from "../src/onnx/index.ts";
import { readModel } from "../src/onnx/model.ts";
import { input } from "../src/ops/index.ts";
import { evaluate } from "../src/reference/index.ts";
import { firstMiss } from "./golden/cases.ts";

ort.env.logLevel = "error";
ort.env.wasm.numThreads = 1;

/** Reads the first values of variables, without a GPU. */
export const firstValues = {
  read: (variable: Variable): Promise<TensorData> => Promise.resolve(variable.initial),
} as never;

/** Reads these values of variables. */
export const readerOf = (values: ReadonlyMap<Variable, TensorData>) =>
  ({ read: (variable: Variable) => Promise.resolve(values.get(variable)) }) as never;

/** Values of an input, as ONNX Runtime takes them. */
export interface Given {
  readonly shape: Shape;
  readonly dtype: DType;
  readonly data: ArrayLike<number>;
}

/** What ONNX Runtime says of a model: its outputs by name. @param weights the file beside the model. */
export async function runOnnx(
  bytes: Uint8Array,
  inputs: Readonly<Record<string, Given>>,
  files: Readonly<Record<string, Uint8Array>> = {},
): Promise<Record<string, { shape: readonly number[]; data: Float64Array }>> {
  const session = await ort.InferenceSession.create(bytes, {
    logSeverityLevel: 3,
    externalData: Object.entries(files).map(([path, data]) => ({ path, data })),
  });
  const feeds = Object.entries(inputs).map(([name, { shape, dtype, data }]) => {
    const type = ({ f32: "float32", i32: "int32", u32: "uint32", f16: "float16" } as const)[dtype];
    const array = { f32: Float32Array, i32: Int32Array, u32: Uint32Array, f16: Float32Array }[dtype].from(data);
    return [name, new ort.Tensor(type, array as never, [...shape])] as const;
  });
  const results = await session.run(Object.fromEntries(feeds));
  await session.release();
  return Object.fromEntries(
    Object.entries(results).map(([name, { dims, data }]) => [
      name,
      { shape: dims, data: Float64Array.from(data as ArrayLike<number>, Number) },
    ]),
  );
}

/** Ops of a model's nodes, in order. */
export const opsOf = (bytes: Uint8Array): string[] => readModel(bytes).graph.nodes.map(({ op }) => op);

/** How far values may be off, in relation and alone: f32 in the twin and in ONNX Runtime, and f16. */
const tolerances = { twin: [1e-5, 1e-6], runtime: [1e-4, 1e-5], half: [2e-3, 2e-3] } as const;

type Feeds = Readonly<Record<string, ArrayLike<number>>>;

/**
 * Exports tensors, imports them again, and runs them by ONNX Runtime: all three must agree.
 * @param feeds of each input; default: sines.
 * @param half whether values are f16, to which the twin does not round; default false.
 * @returns the ops that were written.
 */
export async function agree(
  outputs: Tensor | Readonly<Record<string, Tensor>>,
  { feeds = {}, opset = 17, half = false }: { feeds?: Feeds; opset?: number; half?: boolean } = {},
): Promise<string[]> {
  const wanted = "shape" in outputs ? { y: outputs as Tensor } : (outputs as Readonly<Record<string, Tensor>>);
  const { bytes } = await exportOnnx(firstValues, wanted, { opset });
  await compare(bytes, wanted, inputsIn(Object.values(wanted)), { feeds, half });
  return opsOf(bytes);
}

/**
 * The same for a function of inputs, with batches of 1, 2 and 5.
 * @param samples shapes of the inputs without the batch.
 */
export async function agreeForBatches(
  run: (inputs: OnnxTensors) => OnnxTensors,
  samples: Readonly<Record<string, readonly number[]>>,
  opset = 17,
): Promise<string[]> {
  const { bytes } = await exportOnnx(firstValues, run, { inputs: samples, opset });
  for (const batch of [1, 2, 5]) {
    const inputs = Object.entries(samples).map(([name, shape]) => input(name, [batch, ...shape]));
    const wanted = run(Object.fromEntries(inputs.map((x) => [nameOf(x), x])));
    await compare(bytes, wanted, inputs, { batch });
  }
  return opsOf(bytes);
}

const nameOf = (x: Tensor): string => x.node.attrs["name"];

/** Compares a model, imported and run by ONNX Runtime, with the twin of the graph that it comes from. */
async function compare(
  bytes: Uint8Array,
  outputs: Readonly<Record<string, Tensor>>,
  inputs: readonly Tensor[],
  { feeds = {}, half = false, batch = 1 }: { feeds?: Feeds; half?: boolean; batch?: number },
): Promise<void> {
  const { graph, opset } = readModel(bytes);
  expect(unread(graph), "nodes and numbers that nothing reads").toEqual([]);
  const values = Object.fromEntries(inputs.map((x) => [nameOf(x), feeds[nameOf(x)] ?? sines(x.size)]));
  const valuesOf = (names: readonly string[]) => Object.fromEntries(names.map((name) => [name, values[name]!]));
  const wanted = evaluate(outputs, { inputs: valuesOf(inputsIn(Object.values(outputs)).map(nameOf)) });
  const isOpen = graph.inputs.some(({ dims = [] }) => dims.includes("batch"));
  const back = importOnnx(bytes, { dims: isOpen ? { batch } : {} });
  const again = evaluate(back.outputs, { inputs: valuesOf(Object.keys(back.inputs)) });
  const run = await runOnnx(
    bytes,
    Object.fromEntries(
      inputs.map(({ node: { attrs }, shape, dtype }) => [
        attrs["name"],
        { shape, dtype, data: values[attrs["name"]]! },
      ]),
    ),
  );
  for (const [name, { shape, data }] of Object.entries(wanted)) {
    const imported = back.known[name] ?? again[name]!;
    const which = `${name}, opset ${opset}, batch ${batch}`;
    expect(imported.shape, which).toEqual(shape);
    expect(miss(imported.data, data, half ? "half" : "twin"), `${which}, imported again`).toBe(undefined);
    expect(run[name]!.shape, which).toEqual(shape);
    expect(miss(run[name]!.data, data, half ? "half" : "runtime"), `${which}, in ONNX Runtime`).toBe(undefined);
  }
}

function miss(got: ArrayLike<number>, wanted: ArrayLike<number>, kind: keyof typeof tolerances): string | undefined {
  const [rtol, atol] = tolerances[kind];
  return firstMiss(got, wanted, rtol, atol);
}

export const sines = (n: number, from = 0.5): Float32Array =>
  Float32Array.from({ length: n }, (_, i) => Math.sin(1.3 * i + from));

export const inputsIn = (roots: readonly Tensor[]): Tensor[] =>
  order(roots).flatMap(({ op, results }) => (op.source === "input" ? results : []));

/** Names of nodes and initializers whose values nothing reads. */
function unread({ nodes, initializers, outputs }: ReturnType<typeof readModel>["graph"]): string[] {
  const read = new Set([...nodes.flatMap(({ inputs }) => inputs), ...outputs.map(({ name }) => name)]);
  return [...nodes.map(({ outputs: own }) => own), ...initializers.map(({ name }) => [name])]
    .filter((names) => !names.some((name) => read.has(name)))
    .map(([name]) => name!);
}
