import type { Digits } from "../../src/datasets/index.ts";

/** MNIST's images are 28 × 28 bytes, 0 for paper and 255 for ink. */
export const side = 28;
export const pixels = side * side;
export const classes = 10;

/** The first `count` digits, without a copy. */
export function first({ x, y }: Digits, count: number): Digits {
  const n = Math.min(count, y.data.length);
  return {
    x: { data: x.data.subarray(0, n * pixels), shape: [n, 1, side, side] },
    y: { data: y.data.subarray(0, n), shape: [n] },
  };
}

/** Mean and standard deviation of the training images' pixels, on a scale from 0 to 1. */
export const normalization = { mean: 0.1307, std: 0.3081 } as const;
