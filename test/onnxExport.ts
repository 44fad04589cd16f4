import * as ort from "onnxruntime-web";
import { expect } from "vitest";
import { order } from "../src/graph/print.ts";
import type { DType, Shape } from "../src/graph/shape.ts";
import type { Tensor, TensorData, Variable } from "../src/graph/tensor.ts";
import { exportOnnx, importOnnx } from "../src/onnx/index.ts";
import { readModel } from "../src/onnx/model.ts";
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
  const inputs = new Map(inputsIn(Object.values(wanted)).map((x) => [x.node.attrs["name"] as string, x]));
  const given = Object.fromEntries([...inputs].map(([name, x]) => [name, feeds[name] ?? sines(x.size)]));
  const { bytes } = await exportOnnx(firstValues, wanted, { opset });
  const results = evaluate(wanted, { inputs: given });
  const { graph } = readModel(bytes);
  expect(unread(graph), "nodes and numbers that nothing reads").toEqual([]);

  const back = importOnnx(bytes);
  const again = evaluate(back.outputs, {
    inputs: Object.fromEntries(Object.keys(back.inputs).map((name) => [name, given[name]!])),
  });
  const run = await runOnnx(
    bytes,
    Object.fromEntries(
      graph.inputs.map(({ name }) => {
        const { shape, dtype } = inputs.get(name)!;
        return [name, { shape, dtype, data: given[name]! }];
      }),
    ),
  );
  for (const [name, { shape, data }] of Object.entries(results)) {
    const imported = back.known[name] ?? again[name]!;
    expect(imported.shape, name).toEqual(shape);
    expect(miss(imported.data, data, half ? "half" : "twin"), `${name} imported again, opset ${opset}`).toBe(undefined);
    expect(run[name]!.shape, name).toEqual(shape);
    expect(miss(run[name]!.data, data, half ? "half" : "runtime"), `${name} in ONNX Runtime, ${opset}`).toBe(undefined);
  }
  return opsOf(bytes);
}

function miss(got: ArrayLike<number>, wanted: ArrayLike<number>, kind: keyof typeof tolerances): string | undefined {
  const [rtol, atol] = tolerances[kind];
  return firstMiss(got, wanted, rtol, atol);
}

const sines = (n: number): Float32Array => Float32Array.from({ length: n }, (_, i) => Math.sin(1.3 * i + 0.5));

export const inputsIn = (roots: readonly Tensor[]): Tensor[] =>
  order(roots).flatMap(({ op, results }) => (op.source === "input" ? results : []));

/** Names of nodes and initializers whose values nothing reads. */
function unread({ nodes, initializers, outputs }: ReturnType<typeof readModel>["graph"]): string[] {
  const read = new Set([...nodes.flatMap(({ inputs }) => inputs), ...outputs.map(({ name }) => name)]);
  return [...nodes.map(({ outputs: own }) => own), ...initializers.map(({ name }) => [name])]
    .filter((names) => !names.some((name) => read.has(name)))
    .map(([name]) => name!);
}
