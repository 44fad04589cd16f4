import { packHalves, unpackHalves } from "../src/graph/half.ts";
import type { TensorData } from "../src/graph/tensor.ts";
import { input } from "../src/ops/sources/constants.ts";

/**
 * How far f16 may be from float64. An f16 number is exact to 2⁻¹¹ of itself, so a chain of n roundings loses up to
 * about n · 2⁻¹¹ of its largest number, which is estimated as the largest result, or 1 (as in 1 − y). Rows are chains
 * of less than 8; sums are f32 and add nothing visible.
 */
const unit = 2 ** -11;
export const roundings = 8;

/** Roundings of a recurrence: in each step, of x, the gates, h and the gradients of the gates. */
export const recurrent = (steps: number): number => 4 * steps;

/** Numbers that are exact in f16, so that the twin starts from the same ones. */
export const exact = (data: TensorData): TensorData =>
  data instanceof Float32Array ? unpackHalves(packHalves(data)).subarray(0, data.length) : data;

/** The first value that misses by more than `factor` roundings, in words. */
export function missOf(got: ArrayLike<number>, want: Float64Array, factor: number): string | undefined {
  const largest = want.reduce((top, value) => Math.max(top, Math.abs(value)), 1);
  const at = want.findIndex(
    (value, i) => !(Math.abs(got[i]! - value) <= factor * unit * 0.5 * (Math.abs(value) + largest)),
  );
  return at < 0 ? undefined : `[${at}] is ${got[at]}, expected ${want[at]}`;
}

/** Numbers between −1 and 1. */
export const values = (n: number, seed: number) =>
  exact(Float32Array.from({ length: n }, (_, i) => Math.sin(i * 0.7 + seed)));

export const half = (name: string, shape: readonly number[]) => input(name, shape, "f16");
