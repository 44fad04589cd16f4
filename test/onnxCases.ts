import type { TensorData } from "../src/graph/tensor.ts";
import { decode, elementType } from "../src/onnx/elements.ts";
import { importOnnx, type OnnxConstant, type OnnxGraph } from "../src/onnx/index.ts";
import { readModel, readTensor } from "../src/onnx/model.ts";
import { NeededError } from "../src/onnx/node.ts";

/*
 * Cases of the ONNX project (test data, Apache-2.0): a model with inputs and expected outputs. A folder `node/NAME` has
 * one or more data sets; networks of `light` have one expected output, and the input that belongs to it is a ramp.
 */

const env = import.meta.env as ImportMetaEnv | undefined;

/** Folder of the cases: `ONNX_DIR`; by default those in this repository. */
export const onnxDir: string = env?.["ONNX_DIR"] ?? "test/onnx";

/** Their names. */
export const onnxCases: readonly string[] = String(env?.["ONNX_CASES"] ?? "")
  .split(" ")
  .filter((name) => name !== "");

/** Cases whose inputs or results are beyond the range of f32. */
export const needsDouble: readonly string[] = [
  "pytorch-operator/test_operator_add_broadcast",
  "pytorch-operator/test_operator_add_size1_right_broadcast",
  "pytorch-operator/test_operator_add_size1_singleton_broadcast",
  "pytorch-operator/test_operator_addconstant",
];

/** Numbers of a tensor in a file. */
interface Numbers {
  readonly shape: readonly number[];
  readonly data: ArrayLike<number>;
}

export interface OnnxCase {
  readonly graph: OnnxGraph;
  readonly feeds: Record<string, TensorData>;
  readonly expected: Record<string, Numbers>;
}

type Read = (path: string) => Promise<Uint8Array>;

const numbersOf = (name: string, bytes: Uint8Array): Numbers & { type: number } => {
  const proto = readTensor(bytes);
  // Booleans as ones and zeros.
  return { shape: proto.dims, data: decode(name, proto), type: proto.type };
};

/** Reads a case and imports its model. Inputs that decide shapes are given as constants. */
export async function readCase(read: Read, folder: string, name: string): Promise<OnnxCase> {
  const isLight = name.startsWith("light/");
  const bytes = await read(`${folder}/${name}${isLight ? ".onnx" : "/model.onnx"}`);
  const { graph } = readModel(bytes);
  const weights = new Set(graph.initializers.map((proto) => proto.name));
  const inputs = graph.inputs.filter((info) => !weights.has(info.name));
  const values: Record<string, Numbers> = {};
  const expected: Record<string, Numbers> = {};
  if (isLight) {
    for (const { name, dims } of inputs) {
      const shape = dims!.map((n) => (typeof n === "number" ? n : 1));
      const size = shape.reduce((product, n) => product * n, 1);
      values[name] = { shape, data: Float32Array.from({ length: size }, (_, i) => i / size) };
    }
    expected[graph.outputs[0]!.name] = numbersOf("the output", await read(`${folder}/${name}_output_0.pb`));
  } else {
    const set = `${folder}/${name}/test_data_set_0`;
    for (const [i, { name }] of inputs.entries()) values[name] = numbersOf(name, await read(`${set}/input_${i}.pb`));
    for (const [i, { name }] of graph.outputs.entries())
      if (name !== "") expected[name] = numbersOf(name, await read(`${set}/output_${i}.pb`));
  }
  const shapes = Object.fromEntries(Object.entries(values).map(([name, { shape }]) => [name, shape]));
  const constants: Record<string, OnnxConstant> = {};
  for (;;) {
    try {
      const imported = importOnnx(bytes, { inputs: shapes, constants });
      const feeds = Object.fromEntries(
        Object.entries(imported.inputs).map(([name, { dtype }]) => {
          const { data } = values[name]!;
          const into = dtype === "f32" ? Float32Array : dtype === "i32" ? Int32Array : Uint32Array;
          return [name, into.from(data)];
        }),
      );
      return { graph: imported, feeds, expected };
    } catch (error) {
      const needed = (error as Error).cause;
      if (!(needed instanceof NeededError)) throw error;
      // What a computed value needs is not known, so all integers are given.
      const names = needed.value in values ? [needed.value] : inputs.filter(isWhole).map(({ name }) => name);
      const missing = names.filter((name) => !(name in constants));
      if (missing.length === 0) throw error;
      for (const name of missing) constants[name] = values[name]!;
    }
  }
}

const isWhole = ({ type }: { type: number }): boolean => !/float/.test(elementType("an input", type));

/** The first element that differs, in words; undefined where all agree. */
export function difference(
  name: string,
  got: Numbers,
  expected: Numbers,
  { relative = 1e-3, absolute = 1e-7 }: { relative?: number; absolute?: number } = {},
): string | undefined {
  if (`${got.shape}` !== `${expected.shape}`) return `${name} is [${got.shape}], expected [${expected.shape}]`;
  for (let i = 0; i < expected.data.length; i++) {
    const [a, b] = [got.data[i]!, expected.data[i]!];
    const isEqual =
      a === b || (Number.isNaN(a) && Number.isNaN(b)) || Math.abs(a - b) <= absolute + relative * Math.abs(b);
    if (!isEqual) return `${name}[${i}] is ${a}, expected ${b}`;
  }
  return undefined;
}
