import type { Bytes } from "../data/bytes.ts";
import { AttributeError, checkHas, FormatError, listed, optionsOf, quoted, refuse } from "../errors.ts";
import { sameShape, showShape } from "../graph/shape.ts";
import type { TensorData, Variable } from "../graph/tensor.ts";
import type { Runner } from "../runtime/runner.ts";
import { type SafetensorsTensor, toFloat32 } from "./dtypes.ts";
import { type Named, variablesOf } from "./named.ts";
import { parseSafetensors, serializeSafetensors } from "./safetensors.ts";

/** PyTorch stores the batch counts of batch norms in 64 bits, so files do too. */
const isBatchCount = /(^|\.)num_batches_tracked$/;

/**
 * Saves variables as a safetensors file, with their values after everything submitted so far.
 * @param named a model, or variables by name, such as `nn.stateDict(model)`. PyTorch reads the file with
 * `safetensors.torch.load_file`.
 */
export async function saveSafetensors(
  engine: Runner,
  named: Named,
  metadata: Readonly<Record<string, string>> = {},
): Promise<Uint8Array<ArrayBuffer>> {
  const variables = variablesOf("saveSafetensors", named);
  const values = await Promise.all([...variables.values()].map((variable) => engine.read(variable)));
  const tensors = [...variables].map(([name, { shape, dtype }], i) => {
    const data = values[i]!;
    if (dtype === "i32" && isBatchCount.test(name)) {
      return [name, { dtype: "I64", shape: [...shape], data: BigInt64Array.from(data, BigInt) }] as const;
    }
    const tensor = { dtype: dtype === "f16" ? "F32" : dtype.toUpperCase(), shape: [...shape], data };
    return [name, tensor as SafetensorsTensor] as const;
  });
  return serializeSafetensors(tensors, metadata);
}

/** How to load weights. */
export interface LoadOptions {
  /** What errors call the file; default `"safetensors file"`. */
  readonly name?: string;
  /** Whether the file must hold exactly these variables; default true. */
  readonly strict?: boolean;
  /** The variable's name for a name in the file; `undefined` leaves the tensor out. Default: the same. */
  readonly rename?: (name: string) => string | undefined;
}

/** What did not match, as in PyTorch's `load_state_dict`. Names are those of variables, after `rename`. */
export interface Unmatched {
  /** Variables that the file does not hold. They keep their values. */
  readonly missing: readonly string[];
  /** Tensors of the file that no variable takes. */
  readonly unexpected: readonly string[];
}

/**
 * Loads a safetensors file into variables. The whole file is checked first: if it does not fit, nothing changes.
 * @param named a model, or variables by name. Floats of any width become f32, 64-bit counts i32.
 * @param bytes the whole file, an ArrayBuffer or a view of one.
 * @param options with `strict: false`, variables may be missing and tensors unexpected, but shapes must still agree.
 * @throws FormatError that lists all tensors that are missing, unexpected, or of another shape; or for another type.
 */
export function loadSafetensors(engine: Runner, named: Named, bytes: Bytes, options?: LoadOptions): Unmatched {
  const { name, strict, rename } = optionsOf("loadSafetensors", options, {
    name: "safetensors file",
    strict: true,
    rename: undefined,
  });
  checkHas("loadSafetensors", "rename", rename, "call", "a function");
  const variables = variablesOf("loadSafetensors", named);
  const { tensors: inFile } = parseSafetensors(bytes, name);
  const tensors = rename ? renamed(inFile, rename, name) : inFile;
  const matched = [...variables].flatMap(([key, variable]) => {
    const tensor = tensors.get(key);
    return tensor ? [{ key, variable, tensor }] : [];
  });
  const missing = [...variables.keys()].filter((key) => !tensors.has(key));
  const unexpected = [...tensors.keys()].filter((key) => !variables.has(key));
  const misshapen = matched.filter(({ variable, tensor }) => !sameShape(tensor.shape, variable.shape));
  const problems = [
    ...misshapen
      .slice(0, 10)
      .map(
        ({ key, variable, tensor: { shape } }) =>
          `tensor "${key}" is ${quoted(shape)}, expected ${showShape(variable.shape)}`,
      ),
    ...(misshapen.length > 10 ? [`${misshapen.length - 10} more are of other shapes`] : []),
    ...(strict && missing.length > 0 ? [`${counted(missing)} missing: ${listed(missing)}`] : []),
    ...(strict && unexpected.length > 0 ? [`${counted(unexpected)} unexpected: ${listed(unexpected)}`] : []),
  ];
  if (problems.length > 0) throw new FormatError(`${name}: ${problems.join("; ")}`);
  const values = matched.map(({ key, variable, tensor }): [Variable, TensorData] => [
    variable,
    valuesFor(variable, tensor, `${name}: tensor "${key}"`),
  ]);
  for (const [variable, data] of values) engine.write(variable, data);
  return { missing, unexpected };
}

const counted = ({ length }: readonly string[]): string => (length === 1 ? "1 tensor is" : `${length} tensors are`);

/** The tensors of a file under other names. */
function renamed(
  tensors: ReadonlyMap<string, SafetensorsTensor>,
  rename: (name: string) => string | undefined,
  file: string,
): ReadonlyMap<string, SafetensorsTensor> {
  const sources = new Map<string, string>();
  const result = new Map<string, SafetensorsTensor>();
  for (const [from, tensor] of tensors) {
    const to = rename(from);
    if (to === undefined) continue;
    if (typeof to !== "string") refuse("loadSafetensors", `rename(${quoted(from)})`, to, "a name, or undefined");
    if (sources.has(to)) {
      throw new AttributeError(
        `loadSafetensors: rename calls both ${quoted(sources.get(to))} and ${quoted(from)} of ${file} ${quoted(to)}`,
      );
    }
    sources.set(to, from);
    result.set(to, tensor);
  }
  return result;
}

function valuesFor(variable: Variable, tensor: SafetensorsTensor, what: string): TensorData {
  const isFloat = /F\d+$/.test(tensor.dtype);
  if (variable.dtype === "f32" && isFloat) return toFloat32(tensor);
  if (tensor.dtype === variable.dtype.toUpperCase()) return tensor.data as TensorData;
  if (variable.dtype === "i32" && tensor.dtype === "I64") {
    const narrow = Int32Array.from(tensor.data, Number);
    if (tensor.data.every((value, i) => value === BigInt(narrow[i]!))) return narrow;
    throw new FormatError(`${what} holds numbers that do not fit into 32 bits`);
  }
  throw new FormatError(`${what} is ${tensor.dtype}, expected ${variable.dtype.toUpperCase()}`);
}
