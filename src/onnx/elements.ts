import { FormatError } from "../errors.ts";
import { halfValue } from "../graph/half.ts";
import { type DType, showShape } from "../graph/shape.ts";
import type { TensorProto } from "./model.ts";

/*
 * Element types of ONNX, what a tensor of each becomes, and how numbers in a file are read. Every float type becomes f32.
 * Integers become i32, unsigned ones of 32 and 64 bits u32; booleans are i32 ones and zeros.
 */

export type ElementType =
  | "float32"
  | "float16"
  | "bfloat16"
  | "float64"
  | "int8"
  | "int16"
  | "int32"
  | "int64"
  | "uint8"
  | "uint16"
  | "uint32"
  | "uint64"
  | "bool";

/** Numbers on the host, one for each element. 64-bit integers are float64: beyond 2⁵³ the nearest. */
export type HostArray = Float32Array | Float64Array | Int32Array | Uint32Array;

interface Element {
  readonly dtype: DType;
  readonly bytes: number;
  readonly array: { new (length: number): HostArray };
  readonly read: (view: DataView, at: number) => number;
  /** Range of an integer type, both included. */
  readonly range?: readonly [number, number];
}

const wide = (high: number, low: number): number => high * 2 ** 32 + low;

const float = (bytes: number, array: Element["array"], read: Element["read"]): Element => ({
  dtype: "f32",
  bytes,
  array,
  read,
});

const integer = (bits: number, isSigned: boolean, read: Element["read"]): Element => ({
  dtype: isSigned || bits < 32 ? "i32" : "u32",
  bytes: bits / 8,
  array: bits === 64 ? Float64Array : isSigned || bits < 32 ? Int32Array : Uint32Array,
  read,
  range: isSigned ? [-(2 ** (bits - 1)), 2 ** (bits - 1) - 1] : [0, 2 ** bits - 1],
});

const scratch = /* @__PURE__ */ new DataView(new ArrayBuffer(4));

function brainFloat(bits: number): number {
  scratch.setUint32(0, bits * 2 ** 16);
  return scratch.getFloat32(0);
}

export const elements: Readonly<Record<ElementType, Element>> = {
  float32: float(4, Float32Array, (view, at) => view.getFloat32(at, true)),
  float16: float(2, Float32Array, (view, at) => halfValue(view.getUint16(at, true))),
  bfloat16: float(2, Float32Array, (view, at) => brainFloat(view.getUint16(at, true))),
  float64: float(8, Float64Array, (view, at) => view.getFloat64(at, true)),
  int8: integer(8, true, (view, at) => view.getInt8(at)),
  int16: integer(16, true, (view, at) => view.getInt16(at, true)),
  int32: integer(32, true, (view, at) => view.getInt32(at, true)),
  int64: integer(64, true, (view, at) => wide(view.getInt32(at + 4, true), view.getUint32(at, true))),
  uint8: integer(8, false, (view, at) => view.getUint8(at)),
  uint16: integer(16, false, (view, at) => view.getUint16(at, true)),
  uint32: integer(32, false, (view, at) => view.getUint32(at, true)),
  uint64: integer(64, false, (view, at) => wide(view.getUint32(at + 4, true), view.getUint32(at, true))),
  bool: { ...integer(8, false, (view, at) => Number(view.getUint8(at) !== 0)), range: [0, 1] },
};

/** Names of the numbers in `TensorProto.DataType`. */
const names: Readonly<Record<number, ElementType>> = {
  1: "float32",
  2: "uint8",
  3: "int8",
  4: "uint16",
  5: "int16",
  6: "int32",
  7: "int64",
  9: "bool",
  10: "float16",
  11: "float64",
  12: "uint32",
  13: "uint64",
  16: "bfloat16",
};

const others: Readonly<Record<number, string>> = { 8: "strings", 14: "complex64", 15: "complex128" };

/** The type with this number. */
export function elementType(what: string, number: number): ElementType {
  const name = names[number];
  if (name) return name;
  throw new FormatError(
    `${what} has element type ${others[number] ?? number}, expected a float, integer or boolean type`,
  );
}

export const isFloat = (type: ElementType): boolean => elements[type].dtype === "f32";

/** Number of elements of a tensor in a file, whose sizes may lie. */
function countOf(what: string, dims: readonly number[]): number {
  const count = dims.reduce((product, n) => product * n, 1);
  if (dims.every((n) => Number.isInteger(n) && n >= 0) && Number.isSafeInteger(count)) return count;
  throw new FormatError(`${what} has shape ${showShape(dims)}`);
}

/** The numbers of a tensor, row-major. @param bytes its raw data, which may come from another file. */
export function decode(what: string, proto: TensorProto, bytes = proto.raw): HostArray {
  const type = elementType(what, proto.type);
  const count = countOf(what, proto.dims);
  const { bytes: size, array, read } = elements[type];
  const has = bytes ? bytes.length / size : proto.numbers.length;
  if (has !== count) {
    throw new FormatError(
      `${what} ${showShape(proto.dims)} needs ${count} elements of ${type}, but the file has ${has}`,
    );
  }
  const data = new array(count);
  if (bytes) {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    for (let i = 0; i < count; i++) data[i] = read(view, i * size);
    return data;
  }
  const asBits = type === "float16" ? halfValue : type === "bfloat16" ? brainFloat : undefined;
  for (let i = 0; i < count; i++) data[i] = asBits ? asBits(proto.numbers[i]!) : proto.numbers[i]!;
  return data;
}
