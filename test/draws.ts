import { randomStream } from "../src/data/random.ts";
import type { TensorData } from "../src/graph/tensor.ts";

/** Fills an input of a test case: `count` values, from random numbers in [0, 1). */
export type Draw = (count: number, uniform: () => number) => TensorData;

/**
 * f32 numbers from an interval, at a distance from the kinks of a function: a difference quotient across a kink is not
 * a derivative.
 */
export const reals =
  (low: number, high: number, ...kinks: number[]): Draw =>
  (count, uniform) =>
    Float32Array.from({ length: count }, () => {
      for (;;) {
        const value = Math.fround(low + (high - low) * uniform());
        if (kinks.every((kink) => Math.abs(value - kink) > 0.01)) return value;
      }
    });

/** Numbers of either sign, from `low` to `high` in magnitude. */
export const signed =
  (low: number, high: number): Draw =>
  (count, uniform) =>
    Float32Array.from({ length: count }, () => (uniform() < 0.5 ? -1 : 1) * (low + (high - low) * uniform()));

/** Distinct numbers, so that the largest is unique. */
export const distinct: Draw = (count, uniform) => {
  const order = Array.from({ length: count }, (_, i) => [uniform(), i] as const).sort((a, b) => a[0] - b[0]);
  return Float32Array.from(order, ([, i]) => ((i + 0.5) / count - 0.5) * 4);
};

/** Multiples of 1/8 plus an offset: operands drawn with different offsets are never equal. */
export const grid =
  (offset: number): Draw =>
  (count, uniform) =>
    Float32Array.from({ length: count }, () => Math.floor(uniform() * 24 - 12) / 8 + offset);

/** Integers from `low` to `high` inclusive, i32. */
export const whole =
  (low: number, high: number): Draw =>
  (count, uniform) =>
    Int32Array.from({ length: count }, () => low + Math.floor(uniform() * (high - low + 1)));

/** Values of all inputs of a case, the same for the same seed. The last of `draws` also fills all further inputs. */
export function fill(draws: readonly Draw[], counts: readonly number[], seed = 1): TensorData[] {
  return counts.map((count, i) => {
    const draw = draws[Math.min(i, draws.length - 1)]!;
    return draw(count, randomStream(seed, i).uniform);
  });
}
