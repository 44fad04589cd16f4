import { optionsOf } from "../errors.ts";
import type { Tensor } from "../graph/tensor.ts";
import { add, div, gt, lt, minimum, mul, sub, where } from "../ops/pointwise/arithmetic.ts";
import { exp, sqrt } from "../ops/pointwise/elementary.ts";
import { full } from "../ops/sources/constants.ts";
import { decayOf, filled, penalized, running } from "./means.ts";
import { Optimizer } from "./optimizer.ts";
import { checkAmounts, checkShares, defaults, type OptimizerOptions } from "./options.ts";

export interface RAdamOptions extends OptimizerOptions {
  /** Default 1e-3. */
  readonly lr?: number;
  /** Decay of the running means of the gradient and of its square; default [0.9, 0.999]. */
  readonly betas?: readonly [number, number];
  /** Added to the square root of the second moment; default 1e-8. */
  readonly eps?: number;
}

/**
 * Rectified Adam (Liu et al., 2020) as in PyTorch. With ρ∞ = 2 / (1 − β₂) − 1 and ρ = ρ∞ − 2 t β₂ᵗ / (1 − β₂ᵗ): if ρ >
 * 5, p −= lr · m / (1 − β₁ᵗ) · r · √(1 − β₂ᵗ) / (√v + ε), r = √((ρ−4)(ρ−2)ρ∞ / ((ρ∞−4)(ρ∞−2)ρ)). Before that the second
 * moment is not reliable yet, and p −= lr · m / (1 − β₁ᵗ).
 */
export function radam(options: RAdamOptions = {}): Optimizer {
  const { lr, betas, eps, weightDecay, schedule } = optionsOf("optim.radam", options, {
    ...defaults,
    lr: 1e-3,
    betas: [0.9, 0.999],
    eps: 1e-8,
  });
  const [beta1, beta2] = betas;
  checkShares("radam", { beta1, beta2 });
  checkAmounts("radam", { eps, weightDecay });
  const limit = (1 + beta2) / (1 - beta2);
  // ρ never exceeds this limit, so at 5 or below no step is rectified.
  const rectified = limit > 5;
  return new Optimizer(
    {
      name: "radam",
      settings: { betas, eps, weightDecay },
      moments: ["exp_avg", "exp_avg_sq"],
      scalars(step) {
        const first = div(1, filled(step, beta1));
        if (!rectified) return [first];
        const rho = trusted(step, beta2);
        const ratio = mul(div(mul(sub(rho, 4), sub(rho, 2)), rho), limit / ((limit - 4) * (limit - 2)));
        const enough = gt(rho, 5);
        return [first, where(enough, sqrt(where(enough, mul(ratio, filled(step, beta2)), 0)), 0)];
      },
      update({ p, g, state: [m, v] }, rate, [correction, rectification]) {
        const d = penalized(g, p, weightDecay);
        const mean = running(m!, d, beta1);
        const square = running(v!, mul(d, d), beta2);
        const factor = rectification && where(gt(rectification, 0), div(rectification, add(sqrt(square), eps)), 1);
        const direction = mul(mean, correction!);
        return [sub(p, mul(rate, factor ? mul(direction, factor) : direction)), mean, square];
      },
    },
    lr,
    schedule,
  );
}

/**
 * ρ without the cancellation of ρ∞ − … for small t. With a = −ln β and h(x) = (x/2) coth(x/2) − 1, exactly ρ = t −
 * (2/a) (h(at) − h(a)), where h is small. Below at = 1 it uses the series of h (Bernoulli numbers), above 1 the
 * definition.
 */
function trusted(step: Tensor, beta: number): Tensor {
  const a = decayOf(beta);
  const x = mul(step, a);
  const square = mul(x, x);
  const series = bernoulli.reduceRight((sum, term) => mul(square, add(sum, term)), full([], 0));
  const ofA = bernoulli.reduceRight((sum, term) => a * a * (sum + term), 0);
  const early = sub(step, mul(sub(series, ofA), 2 / a));
  const late = sub((1 + beta) / (1 - beta), div(mul(step, 2), sub(exp(minimum(x, 80)), 1)));
  return where(lt(x, 1), early, late);
}

/** Coefficients of x², x⁴, … in h: B₂ₖ / (2k)!. */
const bernoulli = [1 / 12, -1 / 720, 1 / 30240, -1 / 1209600, 1 / 47900160];
