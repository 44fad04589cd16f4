import { optionsOf } from "../errors.ts";
import { add, div, maximum, mul, sub } from "../ops/pointwise/arithmetic.ts";
import { sqrt } from "../ops/pointwise/elementary.ts";
import { penalized, running } from "./means.ts";
import { Optimizer } from "./optimizer.ts";
import { checkAmounts, defaults, type OptimizerOptions } from "./options.ts";

export interface RmsPropOptions extends OptimizerOptions {
  /** Default 1e-2. */
  readonly lr?: number;
  /** Decay of the running mean of g²; default 0.99. */
  readonly alpha?: number;
  /** Added to the square root; default 1e-8. */
  readonly eps?: number;
  /** Factor of the previous step; default 0. */
  readonly momentum?: number;
  /** Whether to subtract the squared running mean of g, which divides g by its standard deviation; default false. */
  readonly centered?: boolean;
}

/**
 * RMSprop (Hinton, Neural Networks for Machine Learning, lecture 6e, 2012; centered: Graves, 2013) as in PyTorch: v = α
 * v + (1 − α) g², q = g / (√v + ε), p −= lr · q. Centered: v − a² replaces v, with a = α a + (1 − α) g. With momentum:
 * b = momentum · b + q replaces q.
 */
export function rmsProp(options: RmsPropOptions = {}): Optimizer {
  const { lr, alpha, eps, momentum, centered, weightDecay, schedule } = optionsOf("optim.rmsProp", options, {
    ...defaults,
    lr: 1e-2,
    alpha: 0.99,
    eps: 1e-8,
    momentum: 0,
    centered: false,
  });
  checkAmounts("rmsProp", { alpha, eps, momentum, weightDecay });
  return new Optimizer(
    {
      name: "rmsProp",
      settings: { alpha, eps, momentum, centered, weightDecay },
      moments: ["square_avg", ...(centered ? ["grad_avg"] : []), ...(momentum > 0 ? ["momentum_buffer"] : [])],
      update({ p, g, state }, rate) {
        const [v, a, b] = [state[0]!, centered ? state[1] : undefined, momentum > 0 ? state.at(-1) : undefined];
        const d = penalized(g, p, weightDecay);
        const square = running(v, mul(d, d), alpha);
        const mean = a && running(a, d, alpha);
        // Rounding may make a variance of 0 slightly negative.
        const spread = mean ? maximum(sub(square, mul(mean, mean)), 0) : square;
        const step = div(d, add(sqrt(spread), eps));
        const kept = b && add(mul(b, momentum), step);
        return [sub(p, mul(rate, kept ?? step)), square, ...(mean ? [mean] : []), ...(kept ? [kept] : [])];
      },
    },
    lr,
    schedule,
  );
}
