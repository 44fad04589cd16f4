import { halfBits, unpackHalves } from "../../graph/half.ts";
import type { TypedArray } from "../dataset.ts";

/** Element types of NumPy that hold numbers. */
export type NpyDType = "bool" | "i8" | "i16" | "i32" | "i64" | "u8" | "u16" | "u32" | "u64" | "f16" | "f32" | "f64";

interface ElementType {
  /** Kind and bytes, as in a file: "f4". */
  readonly code: string;
  /** The array that holds its bits. */
  readonly raw: new (
    buffer: ArrayBuffer,
  ) => TypedArray;
}

/** Element types as in NumPy's `dtype.str`, without the byte order. */
export const elementTypes: Readonly<Record<NpyDType, ElementType>> = {
  bool: { code: "b1", raw: Uint8Array },
  i8: { code: "i1", raw: Int8Array },
  i16: { code: "i2", raw: Int16Array },
  i32: { code: "i4", raw: Int32Array },
  i64: { code: "i8", raw: BigInt64Array },
  u8: { code: "u1", raw: Uint8Array },
  u16: { code: "u2", raw: Uint16Array },
  u32: { code: "u4", raw: Uint32Array },
  u64: { code: "u8", raw: BigUint64Array },
  f16: { code: "f2", raw: Uint16Array },
  f32: { code: "f4", raw: Float32Array },
  f64: { code: "f8", raw: Float64Array },
};

export const bytesPerElement = (dtype: NpyDType): number => Number(elementTypes[dtype].code[1]);

/** The element type of a typed array. Another realm's arrays have the same tags. */
export function dtypeOf(data: TypedArray): NpyDType | undefined {
  const tag = data[Symbol.toStringTag].replace("Clamped", "");
  const found = Object.entries(elementTypes).find(([name, { raw }]) => name !== "bool" && raw.name === tag);
  return found && (found[0] as NpyDType);
}

/** The values of little-endian or big-endian bytes. Uses the bytes' own memory, which must hold nothing else. */
export function decode(bytes: Uint8Array<ArrayBuffer>, dtype: NpyDType, bigEndian: boolean): TypedArray {
  const size = bytesPerElement(dtype);
  if (bigEndian && size > 1) {
    for (let i = 0; i < bytes.length; i += size) bytes.subarray(i, i + size).reverse();
  }
  const raw = new elementTypes[dtype].raw(bytes.buffer);
  if (dtype === "f16") return unpackHalves(raw as Uint16Array);
  if (dtype === "bool") return (raw as Uint8Array).map((byte) => (byte === 0 ? 0 : 1));
  return raw;
}

/** Little-endian bytes of values. WebGPU's hosts are little-endian, too. */
export function encode(data: TypedArray, dtype: NpyDType): Uint8Array {
  const raw =
    dtype === "f16"
      ? Uint16Array.from(data as Float32Array, halfBits)
      : dtype === "bool"
        ? Uint8Array.from(data as Uint8Array, (value) => (value ? 1 : 0))
        : data;
  return new Uint8Array(raw.buffer, raw.byteOffset, raw.byteLength);
}

/**
 * Values as tensors take them: 64-bit floats rounded to 32 bits, 64-bit integers as 32-bit ones.
 * @param beyond called with the first integer that 32 bits do not hold, and its place.
 */
export function narrowed(data: TypedArray, beyond: (value: bigint, i: number, type: string) => never): TypedArray {
  switch (data[Symbol.toStringTag]) {
    case "Float64Array":
      return Float32Array.from(data as Float64Array);
    case "BigInt64Array":
      return narrow(data as BigInt64Array, new Int32Array(data.length), (value, i) => beyond(value, i, "i32"));
    case "BigUint64Array":
      return narrow(data as BigUint64Array, new Uint32Array(data.length), (value, i) => beyond(value, i, "u32"));
    default:
      return data;
  }
}

function narrow<T extends Int32Array | Uint32Array>(
  data: BigInt64Array | BigUint64Array,
  out: T,
  beyond: (value: bigint, i: number) => never,
): T {
  for (let i = 0; i < data.length; i++) {
    out[i] = Number(data[i]);
    if (BigInt(out[i]!) !== data[i]) beyond(data[i]!, i);
  }
  return out;
}
