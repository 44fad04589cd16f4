import { unshared } from "./host.ts";
import type { DType } from "./shape.ts";
import type { TensorData } from "./tensor.ts";

/*
 * IEEE 754 binary16, which hosts have no array for: 1 bit sign, 5 bits exponent, 10 bits fraction. f16 tensors travel as
 * Float32Array and become halves where they enter the GPU's memory, numbers again where they leave it.
 */

/** The largest finite f16; from 65520 on, numbers round to infinity. */
export const largestHalf = 65504;

const scratch = new Float32Array(1);
const scratchBits = new Uint32Array(scratch.buffer);

/** The bits of the nearest f16 to a number (of f32 precision), of two equally near ones the even one. NaN stays NaN. */
export function halfBits(value: number): number {
  scratch[0] = value;
  const bits = scratchBits[0]!;
  const sign = (bits >>> 16) & 0x8000;
  const magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000) return sign | 0x7e00;
  if (magnitude >= 0x47800000) return sign | 0x7c00; // 2¹⁶ and beyond
  if (magnitude >= 0x38800000) {
    // From 2⁻¹⁴ on: another bias of the exponent, and 13 bits of fraction fewer. A carry moves on into the exponent.
    return sign | ((magnitude - 0x38000000 + 0xfff + ((magnitude >>> 13) & 1)) >>> 13);
  }
  const steps = Math.abs(scratch[0]) * 2 ** 24; // Below, numbers are multiples of 2⁻²⁴.
  const down = Math.floor(steps);
  const up = steps - down > 0.5 || (steps - down === 0.5 && down % 2 === 1);
  return sign | (down + Number(up));
}

/** The number that 16 bits stand for. */
export function halfValue(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return sign * (1024 + fraction) * 2 ** (exponent - 25);
}

/** Numbers as halves; one of padding follows an odd count, since the GPU's queue takes whole words. */
export function packHalves(values: ArrayLike<number>): Uint16Array<ArrayBuffer> {
  const halves = new Uint16Array(values.length + (values.length % 2));
  for (let i = 0; i < values.length; i++) halves[i] = halfBits(values[i]!);
  return halves;
}

/** Halves as numbers. */
export const unpackHalves = (halves: Uint16Array): Float32Array<ArrayBuffer> => Float32Array.from(halves, halfValue);

/** Elements as the GPU holds them: f16 as halves, all others as they are, in memory of this thread. */
export const inMemory = (data: TensorData, dtype: DType): TensorData | Uint16Array =>
  dtype === "f16" ? packHalves(data) : unshared(data);
