import { optionsOf } from "../errors.ts";
import { abs, add, div, maximum, mul, sub } from "../ops/pointwise/arithmetic.ts";
import { filled, penalized, running } from "./means.ts";
import { Optimizer } from "./optimizer.ts";
import { checkAmounts, checkShares, defaults, type OptimizerOptions } from "./options.ts";

export interface AdamaxOptions extends OptimizerOptions {
  /** Default 2e-3. */
  readonly lr?: number;
  /** Decay of the running mean and of the running maximum; default [0.9, 0.999]. */
  readonly betas?: readonly [number, number];
  /** Added to |g| before the maximum; default 1e-8. */
  readonly eps?: number;
}

/**
 * Adam with the infinity norm (Kingma & Ba, 2015, section 7.1) as in PyTorch:
 * m = β₁ m + (1 − β₁) g, u = max(β₂ u, |g| + ε), p −= lr / (1 − β₁ᵗ) · m / u.
 */
export function adamax(options: AdamaxOptions = {}): Optimizer {
  const { lr, betas, eps, weightDecay, schedule } = optionsOf("optim.adamax", options, {
    ...defaults,
    lr: 2e-3,
    betas: [0.9, 0.999],
    eps: 1e-8,
  });
  const [beta1, beta2] = betas;
  checkShares("adamax", { beta1, beta2 });
  checkAmounts("adamax", { eps, weightDecay });
  return new Optimizer(
    {
      name: "adamax",
      settings: { betas, eps, weightDecay },
      moments: ["exp_avg", "exp_inf"],
      scalars: (step) => [div(1, filled(step, beta1))],
      update({ p, g, state: [m, u] }, rate, [correction]) {
        const d = penalized(g, p, weightDecay);
        const mean = running(m!, d, beta1);
        const top = maximum(mul(u!, beta2), add(abs(d), eps));
        return [sub(p, mul(mul(rate, correction!), div(mean, top))), mean, top];
      },
    },
    lr,
    schedule,
  );
}
