import { oneMinusExpText } from "../../shaders/lib/math.wgsl.ts";
import type { Tensor } from "../graph/tensor.ts";
import { add, mul } from "../ops/pointwise/arithmetic.ts";
import { unary } from "../ops/pointwise/pointwise.ts";

/** 1 − e⁻ˣ for x ≥ 0, without cancellation for small x. */
const oneMinusExp = /* @__PURE__ */ unary("oneMinusExp", {
  wgsl: (x) => `oneMinusExp(${x})`,
  js: (x) => -Math.expm1(-x),
  lib: [oneMinusExpText],
  takes: ["f32"],
  flops: 8,
});

/** −ln β. With β = 0 a mean keeps nothing: 1 − βᵗ is 1. */
export const decayOf = (beta: number): number => -Math.log(Math.max(beta, 1e-30));

/** 1 − βᵗ: the total weight in a running mean after `step` steps (f32, from 1). */
export const filled = (step: Tensor, beta: number): Tensor => oneMinusExp(mul(step, decayOf(beta)));

/** β · mean + (1 − β) · value. */
export const running = (mean: Tensor, value: Tensor, beta: number): Tensor =>
  add(mul(mean, beta), mul(value, 1 - beta));

/** The gradient with an L2 penalty. */
export const penalized = (g: Tensor, p: Tensor, weightDecay: number): Tensor =>
  weightDecay === 0 ? g : add(g, mul(p, weightDecay));
