import { halfValue } from "../graph/half.ts";

/** Element types of a safetensors file. F16 and BF16 are raw 16-bit values, BOOL is bytes 0 and 1. */
export interface SafetensorsArrays {
  F64: Float64Array;
  F32: Float32Array;
  F16: Uint16Array;
  BF16: Uint16Array;
  I64: BigInt64Array;
  I32: Int32Array;
  I16: Int16Array;
  I8: Int8Array;
  U64: BigUint64Array;
  U32: Uint32Array;
  U16: Uint16Array;
  U8: Uint8Array;
  BOOL: Uint8Array;
}

/** The element types of the safetensors format, by its names. */
export type SafetensorsDType = keyof SafetensorsArrays;

/** The typed array of each element type. WebGPU's hosts are little-endian, like the format. */
export const ARRAYS = {
  F64: Float64Array,
  F32: Float32Array,
  F16: Uint16Array,
  BF16: Uint16Array,
  I64: BigInt64Array,
  I32: Int32Array,
  I16: Int16Array,
  I8: Int8Array,
  U64: BigUint64Array,
  U32: Uint32Array,
  U16: Uint16Array,
  U8: Uint8Array,
  BOOL: Uint8Array,
} as const;

export function isSafetensorsDType(name: unknown): name is SafetensorsDType {
  return typeof name === "string" && Object.hasOwn(ARRAYS, name);
}

/** One tensor, row-major; `data` is the typed array of its `dtype`. A shape of [] is one value. */
export type SafetensorsTensor = {
  [D in SafetensorsDType]: {
    readonly dtype: D;
    readonly shape: readonly number[];
    readonly data: SafetensorsArrays[D];
  };
}[SafetensorsDType];

/**
 * A tensor's values as float32, in a new array: F16 and BF16 exactly, F64 and integers of more than 24 bits rounded,
 * BOOL as 0 and 1.
 */
export function toFloat32(tensor: SafetensorsTensor): Float32Array {
  switch (tensor.dtype) {
    case "F16":
      return Float32Array.from(tensor.data, halfValue);
    case "BF16":
      // bfloat16 is the upper half of a float32.
      return new Float32Array(Uint32Array.from(tensor.data, (bits) => bits * 65536).buffer);
    case "I64":
    case "U64":
      return Float32Array.from({ length: tensor.data.length }, (_, i) => Number(tensor.data[i]));
    case "BOOL":
      return Float32Array.from(tensor.data, (byte) => (byte === 0 ? 0 : 1));
    default:
      return Float32Array.from(tensor.data);
  }
}
