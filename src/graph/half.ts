import { unshared } from "./host.ts";
import type { DType } from "./shape.ts";
import type { TensorData } from "./tensor.ts";

/*
 * IEEE 754 binary16: 1 bit sign, 5 bits exponent, 10 bits fraction. JavaScript hosts lack an array type for it, so f16
 * tensors are Float32Arrays on the host, packed to halves on upload and unpacked on readback.
 */

/** The largest finite f16. Numbers from 65520 on round to infinity. */
export const largestHalf = 65504;

const scratch = new Float32Array(1);
const scratchBits = new Uint32Array(scratch.buffer);

/** The bits of the f16 nearest to a number (of f32 precision); ties go to even. NaN stays NaN. */
export function halfBits(value: number): number {
  scratch[0] = value;
  const bits = scratchBits[0]!;
  const sign = (bits >>> 16) & 0x8000;
  const magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000) return sign | 0x7e00;
  if (magnitude >= 0x47800000) return sign | 0x7c00; // 2¹⁶ and beyond
  if (magnitude >= 0x38800000) {
    // From 2⁻¹⁴ on: rebias the exponent and round off 13 bits of fraction. A carry moves into the exponent.
    return sign | ((magnitude - 0x38000000 + 0xfff + ((magnitude >>> 13) & 1)) >>> 13);
  }
  const steps = Math.abs(scratch[0]) * 2 ** 24; // Subnormal: a multiple of 2⁻²⁴.
  const down = Math.floor(steps);
  const up = steps - down > 0.5 || (steps - down === 0.5 && down % 2 === 1);
  return sign | (down + Number(up));
}

/** The number that 16 bits encode. */
export function halfValue(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return sign * (1024 + fraction) * 2 ** (exponent - 25);
}

/** Numbers as halves. An odd count gets one element of padding, since the GPU queue writes whole words. */
export function packHalves(values: ArrayLike<number>): Uint16Array<ArrayBuffer> {
  const halves = new Uint16Array(values.length + (values.length % 2));
  for (let i = 0; i < values.length; i++) halves[i] = halfBits(values[i]!);
  return halves;
}

/** Halves as numbers. */
export const unpackHalves = (halves: Uint16Array): Float32Array<ArrayBuffer> => Float32Array.from(halves, halfValue);

/** Elements as the GPU stores them: f16 as halves, others unchanged; copied if the memory is shared between threads. */
export const inMemory = (data: TensorData, dtype: DType): TensorData | Uint16Array =>
  dtype === "f16" ? packHalves(data) : unshared(data);
