import { optionsOf } from "../errors.ts";
import type { Tensor } from "../graph/tensor.ts";
import { add, div, mul, sub } from "../ops/pointwise/arithmetic.ts";
import { exp, rsqrt, sqrt } from "../ops/pointwise/elementary.ts";
import { filled, penalized, running } from "./means.ts";
import { Optimizer } from "./optimizer.ts";
import { checkAmounts, checkShares, defaults, type OptimizerOptions } from "./options.ts";

export interface NAdamOptions extends OptimizerOptions {
  /** Default 2e-3. */
  readonly lr?: number;
  /** Decay of the running means of the gradient and of its square; default [0.9, 0.999]. */
  readonly betas?: readonly [number, number];
  /** Added to the square root of the second moment; default 1e-8. */
  readonly eps?: number;
  /** How fast the momentum approaches β₁; default 4e-3. */
  readonly momentumDecay?: number;
}

/**
 * Adam with Nesterov's momentum (Dozat, 2016) as in PyTorch: μₜ = β₁ (1 − 0.96^(t · momentumDecay) / 2), and with
 * Πₜ = μ₁ ⋯ μₜ: p −= lr · [(1 − μₜ) g / (1 − Πₜ) + μₜ₊₁ m / (1 − Πₜ₊₁)] / (√(v / (1 − β₂ᵗ)) + ε).
 */
export function nadam(options: NAdamOptions = {}): Optimizer {
  const { lr, betas, eps, weightDecay, momentumDecay, schedule } = optionsOf("optim.nadam", options, {
    ...defaults,
    lr: 2e-3,
    betas: [0.9, 0.999],
    eps: 1e-8,
    momentumDecay: 4e-3,
  });
  const [beta1, beta2] = betas;
  checkShares("nadam", { beta1, beta2 });
  checkAmounts("nadam", { eps, weightDecay, momentumDecay });
  const mu = (step: Tensor): Tensor => mul(sub(1, mul(exp(mul(step, momentumDecay * Math.log(0.96))), 0.5)), beta1);
  return new Optimizer(
    {
      name: "nadam",
      settings: { betas, eps, weightDecay, momentumDecay },
      moments: ["exp_avg", "exp_avg_sq"],
      kept: [{ name: "mu_product", initial: 1 }],
      advance: (step, [product]) => [mul(product!, mu(step))],
      scalars(step, [product]) {
        const [now, next] = [mu(step), mu(add(step, 1))];
        return [div(sub(1, now), sub(1, product!)), div(next, sub(1, mul(product!, next))), rsqrt(filled(step, beta2))];
      },
      update({ p, g, state: [m, v] }, rate, [ofGradient, ofMean, correction]) {
        const d = penalized(g, p, weightDecay);
        const mean = running(m!, d, beta1);
        const square = running(v!, mul(d, d), beta2);
        const ahead = add(mul(d, ofGradient!), mul(mean, ofMean!));
        const scale = add(mul(sqrt(square), correction!), eps);
        return [sub(p, mul(rate, div(ahead, scale))), mean, square];
      },
    },
    lr,
    schedule,
  );
}
