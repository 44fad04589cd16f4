import { checkNumber, optionsOf } from "../errors.ts";
import type { DType } from "../graph/shape.ts";
import type { Tensor } from "../graph/tensor.ts";
import { abs, add, le, lt, mul, sub, where } from "../ops/pointwise/arithmetic.ts";
import { log } from "../ops/pointwise/elementary.ts";
import { checkSame, defaults, type LossOptions, reduced } from "./reduction.ts";

/*
 * Regression losses. Input and target have the same shape, and so do the losses before the reduction.
 */

/** Mean squared error: (x − y)². */
export function mse<A extends DType, B extends DType>(
  input: Tensor<A>,
  target: Tensor<B>,
  options: LossOptions = {},
): Tensor<A & B> {
  const { reduction } = optionsOf("mse", options, defaults);
  checkSame("mse", input, target);
  const d = sub(input, target);
  return reduced("mse", mul(d, d), reduction);
}

/** Mean absolute error: |x − y|, with gradient 0 where they are equal. */
export function l1<A extends DType, B extends DType>(
  input: Tensor<A>,
  target: Tensor<B>,
  options: LossOptions = {},
): Tensor<A & B> {
  const { reduction } = optionsOf("l1", options, defaults);
  checkSame("l1", input, target);
  return reduced("l1", abs(sub(input, target)), reduction);
}

/**
 * Square near 0, absolute value beyond: d² / 2β where |d| < β, else |d| − β/2 (R. Girshick, "Fast R-CNN", 2015).
 * @param options β from 0, default 1; 0 is `l1`.
 */
export function smoothL1<A extends DType, B extends DType>(
  input: Tensor<A>,
  target: Tensor<B>,
  options: LossOptions & { beta?: number } = {},
): Tensor<A & B> {
  const { beta, reduction } = optionsOf("smoothL1", options, { beta: 1, ...defaults });
  checkNumber("smoothL1", "beta", beta, "a number from 0", (n) => n >= 0);
  if (beta === 0) return l1(input, target, { reduction });
  checkSame("smoothL1", input, target);
  const d = sub(input, target);
  const size = abs(d);
  const losses = where(lt(size, beta), mul(mul(d, d), 0.5 / beta), sub(size, beta / 2));
  return reduced("smoothL1", losses, reduction);
}

/**
 * Square near 0, straight line beyond: d²/2 where |d| ≤ δ, else δ(|d| − δ/2) (P. Huber, 1964).
 * @param options δ above 0, default 1.
 */
export function huber<A extends DType, B extends DType>(
  input: Tensor<A>,
  target: Tensor<B>,
  options: LossOptions & { delta?: number } = {},
): Tensor<A & B> {
  const { delta, reduction } = optionsOf("huber", options, { delta: 1, ...defaults });
  checkNumber("huber", "delta", delta, "a number above 0", (n) => n > 0);
  checkSame("huber", input, target);
  const d = sub(input, target);
  const size = abs(d);
  const losses = where(le(size, delta), mul(mul(d, d), 0.5), mul(sub(size, delta / 2), delta));
  return reduced("huber", losses, reduction);
}

/** Squared error of logarithms: (log(1 + x) − log(1 + y))², for numbers above −1. */
export function msle<A extends DType, B extends DType>(
  input: Tensor<A>,
  target: Tensor<B>,
  options: LossOptions = {},
): Tensor<A & B> {
  const { reduction } = optionsOf("msle", options, defaults);
  checkSame("msle", input, target);
  const d = sub(log(add(input, 1)), log(add(target, 1)));
  return reduced("msle", mul(d, d), reduction);
}
