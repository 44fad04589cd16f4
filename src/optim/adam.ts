import { optionsOf } from "../errors.ts";
import { add, div, maximum, mul, sub } from "../ops/pointwise/arithmetic.ts";
import { rsqrt, sqrt } from "../ops/pointwise/elementary.ts";
import { filled, penalized, running } from "./means.ts";
import { Optimizer } from "./optimizer.ts";
import { checkAmounts, checkShares, defaults, type OptimizerOptions } from "./options.ts";

export interface AdamOptions extends OptimizerOptions {
  /** Default 1e-3. */
  readonly lr?: number;
  /** Decay of the running means of the gradient and of its square; default [0.9, 0.999]. */
  readonly betas?: readonly [number, number];
  /** Added to the square root of the second moment; default 1e-8. */
  readonly eps?: number;
  /** Default 0 for Adam (an L2 penalty) and 0.01 for AdamW (decoupled). */
  readonly weightDecay?: number;
  /** Whether to use the largest second moment so far (Reddi et al., 2018); default false. */
  readonly amsgrad?: boolean;
}

/**
 * Adam (Kingma & Ba, 2015) as in PyTorch; weight decay is an L2 penalty on the gradient.
 * m = β₁ m + (1 − β₁) g, v = β₂ v + (1 − β₂) g², p −= lr · m / (1 − β₁ᵗ) / (√v / √(1 − β₂ᵗ) + ε).
 */
export const adam = (options: AdamOptions = {}): Optimizer => adamRule("adam", false, options);

/** Adam with decoupled weight decay (Loshchilov & Hutter, 2019): p shrinks by lr · weightDecay before the step. */
export const adamW = (options: AdamOptions = {}): Optimizer => adamRule("adamW", true, options);

function adamRule(name: string, decoupled: boolean, options: AdamOptions): Optimizer {
  const { lr, betas, eps, weightDecay, amsgrad, schedule } = optionsOf(`optim.${name}`, options, {
    ...defaults,
    lr: 1e-3,
    betas: [0.9, 0.999],
    eps: 1e-8,
    weightDecay: decoupled ? 0.01 : 0,
    amsgrad: false,
  });
  const [beta1, beta2] = betas;
  checkShares(name, { beta1, beta2 });
  checkAmounts(name, { eps, weightDecay });
  return new Optimizer(
    {
      name,
      settings: { betas, eps, weightDecay, amsgrad },
      moments: ["exp_avg", "exp_avg_sq", ...(amsgrad ? ["max_exp_avg_sq"] : [])],
      scalars: (step) => [div(1, filled(step, beta1)), rsqrt(filled(step, beta2))],
      update({ p, g, state: [m, v, top] }, rate, [firstCorrection, secondCorrection]) {
        const d = decoupled ? g : penalized(g, p, weightDecay);
        const shrunk = decoupled && weightDecay !== 0 ? mul(p, sub(1, mul(rate, weightDecay))) : p;
        const mean = running(m!, d, beta1);
        const square = add(mul(v!, beta2), mul(mul(d, d), 1 - beta2));
        const largest = top && maximum(top, square);
        const scale = add(mul(sqrt(largest ?? square), secondCorrection!), eps);
        const next = sub(shrunk, mul(rate, div(mul(mean, firstCorrection!), scale)));
        return largest ? [next, mean, square, largest] : [next, mean, square];
      },
    },
    lr,
    schedule,
  );
}
