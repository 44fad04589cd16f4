import type { Bytes } from "../data/bytes.ts";
import { AttributeError, checkHas, FormatError, optionsOf, quoted, refuse } from "../errors.ts";
import { sameShape, showShape } from "../graph/shape.ts";
import type { TensorData, Variable } from "../graph/tensor.ts";
import type { Runner } from "../runtime/runner.ts";
import { type SafetensorsTensor, toFloat32 } from "./dtypes.ts";
import { differences, MismatchError, type Unmatched } from "./mismatch.ts";
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
  return serializeSafetensors(await tensorsOf(engine, variablesOf("saveSafetensors", named)), metadata);
}

/** The values of variables after everything submitted so far, as files hold them. */
export async function tensorsOf(
  engine: Runner,
  variables: ReadonlyMap<string, Variable>,
): Promise<Map<string, SafetensorsTensor>> {
  const values = await Promise.all([...variables.values()].map((variable) => engine.read(variable)));
  const tensors = [...variables].map(([name, { shape, dtype }], i) => {
    const data = values[i]!;
    if (dtype === "i32" && isBatchCount.test(name)) {
      return [name, { dtype: "I64", shape: [...shape], data: BigInt64Array.from(data, BigInt) }] as const;
    }
    const tensor = { dtype: dtype === "f16" ? "F32" : dtype.toUpperCase(), shape: [...shape], data };
    return [name, tensor as SafetensorsTensor] as const;
  });
  return new Map(tensors);
}

/** How to load weights. */
export interface LoadOptions {
  /** What errors call the file; default `"safetensors file"`. */
  readonly name?: string;
  /** Whether the file must hold exactly these variables; default true. */
  readonly strict?: boolean;
  /**
   * Loads only the tensors whose names begin with this text, such as `"encoder."`, under the rest of their names. The
   * others are not unexpected. Default: all of the file.
   */
  readonly prefix?: string;
  /** The variable's name for a name in the file, after `prefix`; `undefined` leaves the tensor out. Default: the same. */
  readonly rename?: (name: string) => string | undefined;
}

/** Options of loading; `name` and `strict` have the defaults of safetensors. */
const loadOptions = { name: "safetensors file", strict: true, prefix: "", rename: undefined };

/**
 * Loads a safetensors file into variables. The whole file is checked first: if it does not fit, nothing changes.
 *
 * A variable with two names, such as a tied weight, may be in the file under both or under one.
 * @param named a model, or variables by name. Floats of any width become f32, 64-bit counts i32.
 * @param bytes the whole file, an ArrayBuffer or a view of one.
 * @param options with `strict: false`, variables may be missing and tensors unexpected, but shapes must still agree.
 * @throws MismatchError, a FormatError, with all tensors that are missing, unexpected, or of another shape.
 * @throws FormatError for another type, and for two different tensors for one variable.
 */
export function loadSafetensors(engine: Runner, named: Named, bytes: Bytes, options?: LoadOptions): Unmatched {
  const all = optionsOf("loadSafetensors", options, loadOptions);
  checkHas("loadSafetensors", "rename", all.rename, "call", "a function");
  const variables = variablesOf("loadSafetensors", named);
  return loadTensors(engine, variables, parseSafetensors(bytes, all.name).tensors, all);
}

/** Loads the tensors of a file into variables, as `loadSafetensors`. */
export function loadTensors(
  engine: Pick<Runner, "write">,
  variables: ReadonlyMap<string, Variable>,
  inFile: ReadonlyMap<string, SafetensorsTensor>,
  options: LoadOptions,
): Unmatched {
  const { name, strict, prefix, rename } = { ...loadOptions, ...options };
  const tensors = prefix || rename ? renamed(inFile, prefix, rename, name) : inFile;
  const matched = [...variables].flatMap(([key, variable]) => {
    const tensor = tensors.get(key);
    return tensor ? [{ key, variable, tensor }] : [];
  });
  const found = new Set(matched.map(({ variable }) => variable));
  const missing = [...variables].flatMap(([key, variable]) => (found.has(variable) ? [] : [key]));
  const unexpected = [...tensors.keys()].filter((key) => !variables.has(key));
  const misshapen = matched.filter(({ variable, tensor }) => !sameShape(tensor.shape, variable.shape));
  const faults = misshapen.map(
    ({ key, variable, tensor: { shape } }) =>
      `tensor "${key}" is ${quoted(shape)}, expected ${showShape(variable.shape)}`,
  );
  const problems = [
    ...differences(faults, "other shapes", strict ? { missing, unexpected } : { missing: [], unexpected: [] }),
    ...(strict && unexpected.some((key) => /^(optimizer|ema)\./.test(key))
      ? [
          "it is a checkpoint of a training: { strict: false } takes its weights alone, trainer.load or loadCheckpoint all of it",
        ]
      : []),
  ];
  if (problems.length > 0) {
    const keys = misshapen.map(({ key }) => key);
    throw new MismatchError(`${name}: ${problems.join("; ")}`, missing, unexpected, keys);
  }
  const values = new Map<Variable, { key: string; data: TensorData }>();
  for (const { key, variable, tensor } of matched) {
    const data = valuesFor(variable, tensor, `${name}: tensor "${key}"`);
    const twin = values.get(variable);
    if (twin && !data.every((value, i) => Object.is(value, twin.data[i])))
      throw new FormatError(`${name}: tensors "${twin.key}" and "${key}" differ, but belong to one variable`);
    values.set(variable, { key, data });
  }
  for (const [variable, { data }] of values) engine.write(variable, data);
  return { missing, unexpected };
}

/** The tensors of a file whose names begin with a prefix, under other names. */
function renamed(
  tensors: ReadonlyMap<string, SafetensorsTensor>,
  prefix: string,
  rename: (name: string) => string | undefined = (name) => name,
  file: string,
): ReadonlyMap<string, SafetensorsTensor> {
  const sources = new Map<string, string>();
  const result = new Map<string, SafetensorsTensor>();
  for (const [from, tensor] of tensors) {
    if (!from.startsWith(prefix)) continue;
    const own = from.slice(prefix.length);
    const to = rename(own);
    if (to === undefined) continue;
    if (typeof to !== "string") refuse("loadSafetensors", `rename(${quoted(own)})`, to, "a name, or undefined");
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
