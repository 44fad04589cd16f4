import type { TensorData } from "../src/graph/tensor.ts";
import { decode, elementType } from "../src/onnx/elements.ts";
import { importOnnx, type OnnxConstant, type OnnxGraph } from "../src/onnx/index.ts";
import { readModel, readTensor } from "../src/onnx/model.ts";
import { NeededError } from "../src/onnx/node.ts";
import { fields } from "../src/onnx/wire.ts";

/*
 * Cases of the ONNX project (test data, Apache-2.0): a model with inputs and expected outputs. A folder `node/NAME` has
 * one or more data sets; networks of `light` have one expected output, and the input that belongs to it is a ramp.
 */

/** Vite puts these into pages, too; `test/run.ts` sets them for `npm run test:onnx`. */
const { VITE_ONNX_DIR, VITE_ONNX_CASES } = import.meta.env as Readonly<Record<string, string | undefined>>;

/** Folder of the cases: by default those in this repository. */
export const onnxDir: string = VITE_ONNX_DIR ?? "test/onnx";

/** Their names, such as "node/test_add". */
export const onnxCases: readonly string[] =
  VITE_ONNX_CASES?.split(" ") ??
  Object.keys(import.meta.glob("./onnx/*/*/model.onnx")).map((path) => path.split("/").slice(2, 4).join("/"));

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

/** The tensors of a file by name: one, or, for a sequence or an optional sequence, "name.0", "name.1", … */
function named({ name, isSequence }: { name: string; isSequence: boolean }, bytes: Uint8Array): [string, Numbers][] {
  if (!isSequence) return name === "" ? [] : [[name, numbersOf(name, bytes)]];
  const items = (message: Uint8Array): Uint8Array[] =>
    [...fields(message)].flatMap((field) =>
      field.number === 3 ? [field.bytes] : field.number === 5 ? items(field.bytes) : [],
    );
  return items(bytes).map((item, i) => [`${name}.${i}`, numbersOf(name, item)]);
}

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
    for (const [i, info] of inputs.entries())
      for (const [name, numbers] of named(info, await read(`${set}/input_${i}.pb`))) values[name] = numbers;
    for (const [i, info] of graph.outputs.entries())
      for (const [name, numbers] of named(info, await read(`${set}/output_${i}.pb`))) expected[name] = numbers;
  }
  const shapes = Object.fromEntries(
    inputs.map(({ name, isSequence }) => {
      const items = Object.keys(values).filter((key) => key.startsWith(`${name}.`));
      return [name, isSequence ? items.map((key) => values[key]!.shape) : values[name]!.shape];
    }),
  );
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

/** Cases of dropout in training. Their expected values come from the random numbers of NumPy. */
const isRandom = (name: string): boolean => /test_training_dropout(?!_zero_ratio)/.test(name);

/** What is wrong with the results of a case, in words. */
export function faultsOf(name: string, { expected }: OnnxCase, got: Readonly<Record<string, Numbers>>): string[] {
  const [given, wanted] = [got, expected].map((all) => Object.keys(all).sort().join());
  if (given !== wanted) return [`results are ${given}, expected ${wanted}`];
  return Object.entries(expected).flatMap(([key, numbers]) => {
    if (isRandom(name)) return dropped(key, got[key]!, numbers);
    return difference(key, got[key]!, numbers) ?? [];
  });
}

/** Random masks differ, but where both keep an element, it is scaled alike. About as many are dropped. */
function dropped(key: string, got: Numbers, expected: Numbers): string[] {
  const both = Array.from(got.data).flatMap((a, i) => (a !== 0 && expected.data[i] !== 0 ? [i] : []));
  const pick = ({ data }: Numbers) => ({ shape: [both.length], data: both.map((i) => data[i]!) });
  const kept = ({ data }: Numbers) => Array.from(data).filter((value) => value !== 0).length / data.length;
  const isFar = Math.abs(kept(got) - kept(expected)) > 0.3 || kept(got) === 1 || both.length === 0;
  return [difference(key, pick(got), pick(expected)) ?? [], isFar ? `${key} keeps a share of ${kept(got)}` : []].flat();
}

/** The first element that differs, in words; undefined where all agree. */
function difference(
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
