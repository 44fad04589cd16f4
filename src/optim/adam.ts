import { oneMinusExpText } from "../../shaders/lib/math.wgsl.ts";
import { AttributeError } from "../errors.ts";
import type { Tensor } from "../graph/tensor.ts";
import { add, div, mul, rsqrt, sqrt, sub } from "../ops/arithmetic.ts";
import { unary } from "../ops/pointwise.ts";
import { Optimizer } from "./optimizer.ts";

export interface AdamOptions {
  /** Learning rate; default 1e-3. */
  readonly lr?: number;
  /** Shares of the running means of the gradient and of its square that are kept; default [0.9, 0.999]. */
  readonly betas?: readonly [number, number];
  /** Added to the root of the second moment; default 1e-8. */
  readonly eps?: number;
  /** Default 0 for Adam (where it is an L2 penalty) and 0.01 for AdamW (where it shrinks the weights directly). */
  readonly weightDecay?: number;
}

/** 1 − e⁻ˣ for x ≥ 0, without cancellation for small x: 1 − βᵗ is this of −t · log β. */
const oneMinusExp = unary("oneMinusExp", {
  wgsl: (x) => `oneMinusExp(${x})`,
  js: (x) => -Math.expm1(-x),
  lib: [oneMinusExpText],
  takes: ["f32"],
  flops: 8,
});

/** Adam (Kingma & Ba, 2015) as in PyTorch; weight decay is an L2 penalty on the gradient. */
export const adam = (options: AdamOptions = {}): Optimizer => adamRule("adam", false, { weightDecay: 0, ...options });

/** Adam with decoupled weight decay (Loshchilov & Hutter, 2019): p shrinks by lr · weightDecay before the step. */
export const adamW = (options: AdamOptions = {}): Optimizer =>
  adamRule("adamW", true, { weightDecay: 0.01, ...options });

function adamRule(name: string, decoupled: boolean, options: AdamOptions): Optimizer {
  const { lr = 1e-3, betas = [0.9, 0.999], eps = 1e-8, weightDecay = 0 } = options;
  const [beta1, beta2] = betas;
  for (const [key, beta] of Object.entries({ beta1, beta2 })) {
    if (!(beta >= 0 && beta < 1))
      throw new AttributeError(`optim.${name}: ${key} is ${beta}, expected a number from 0 to below 1`);
  }
  for (const [key, value] of Object.entries({ eps, weightDecay })) {
    if (!(value >= 0 && Number.isFinite(value)))
      throw new AttributeError(`optim.${name}: ${key} is ${value}, expected a number from 0`);
  }
  // With β = 0 a mean forgets everything, and its correction is 1.
  const correction = (step: Tensor, beta: number): Tensor => oneMinusExp(mul(step, -Math.log(Math.max(beta, 1e-30))));
  return new Optimizer(
    {
      name,
      moments: ["exp_avg", "exp_avg_sq"],
      scalars: (step) => [div(1, correction(step, beta1)), rsqrt(correction(step, beta2))],
      update({ p, g, state: [m, v] }, rate, [firstCorrection, secondCorrection]) {
        const d = decoupled || weightDecay === 0 ? g : add(g, mul(p, weightDecay));
        const shrunk = decoupled && weightDecay !== 0 ? mul(p, sub(1, mul(rate, weightDecay))) : p;
        const mean = add(mul(m!, beta1), mul(d, 1 - beta1));
        const square = add(mul(v!, beta2), mul(mul(d, d), 1 - beta2));
        const scale = add(mul(sqrt(square), secondCorrection!), eps);
        return [sub(shrunk, mul(rate, div(mul(mean, firstCorrection!), scale))), mean, square];
      },
    },
    lr,
  );
}
