import * as ort from "onnxruntime-web";
import type { DType, Shape } from "../src/graph/shape.ts";
import type { TensorData, Variable } from "../src/graph/tensor.ts";

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
