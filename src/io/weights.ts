import type { Bytes } from "../data/bytes.ts";
import { FormatError, listed, quoted } from "../errors.ts";
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

/**
 * Loads a safetensors file into variables. The whole file is checked first: if it does not fit, nothing changes.
 * @param named a model, or variables by name; the file must hold all of them, in their shapes. Floats of any width
 * become f32, 64-bit counts i32.
 * @param bytes the whole file, an ArrayBuffer or a view of one.
 * @throws FormatError for a tensor that is missing, unknown, or of another shape or type.
 */
export function loadSafetensors(engine: Runner, named: Named, bytes: Bytes, name = "safetensors file"): void {
  const variables = variablesOf("loadSafetensors", named);
  const { tensors } = parseSafetensors(bytes, name);
  const surplus = [...tensors.keys()].find((key) => !variables.has(key));
  if (surplus !== undefined) {
    throw new FormatError(`${name}: unknown tensor ${quoted(surplus)}, expected ${listed(variables.keys())}`);
  }
  const values = [...variables].map(([key, variable]): [Variable, TensorData] => {
    const tensor = tensors.get(key);
    if (!tensor) throw new FormatError(`${name}: tensor "${key}" is missing; the file has ${listed(tensors.keys())}`);
    if (!sameShape(tensor.shape, variable.shape)) {
      throw new FormatError(
        `${name}: tensor "${key}" is ${quoted(tensor.shape)}, expected ${showShape(variable.shape)}`,
      );
    }
    return [variable, valuesFor(variable, tensor, `${name}: tensor "${key}"`)];
  });
  for (const [variable, data] of values) engine.write(variable, data);
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
