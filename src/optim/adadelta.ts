import { optionsOf } from "../errors.ts";
import { add, div, mul, sub } from "../ops/pointwise/arithmetic.ts";
import { sqrt } from "../ops/pointwise/elementary.ts";
import { penalized, running } from "./means.ts";
import { Optimizer } from "./optimizer.ts";
import { checkAmounts, checkShares, defaults, type OptimizerOptions } from "./options.ts";

export interface AdadeltaOptions extends OptimizerOptions {
  /** Factor of the step, which already has the unit of the parameters; default 1. */
  readonly lr?: number;
  /** Decay of the running means of g² and of the squared steps; default 0.9. */
  readonly rho?: number;
  /** Added under both square roots; default 1e-6. */
  readonly eps?: number;
}

/**
 * Adadelta (Zeiler, 2012) as in PyTorch:
 * v = ρ v + (1 − ρ) g², d = √(u + ε) / √(v + ε) · g, u = ρ u + (1 − ρ) d², p −= lr · d.
 */
export function adadelta(options: AdadeltaOptions = {}): Optimizer {
  const { lr, rho, eps, weightDecay, schedule } = optionsOf("optim.adadelta", options, {
    ...defaults,
    lr: 1,
    rho: 0.9,
    eps: 1e-6,
  });
  checkShares("adadelta", { rho });
  checkAmounts("adadelta", { eps, weightDecay });
  return new Optimizer(
    {
      name: "adadelta",
      settings: { rho, eps, weightDecay },
      moments: ["square_avg", "acc_delta"],
      update({ p, g, state: [v, u] }, rate) {
        const d = penalized(g, p, weightDecay);
        const square = running(v!, mul(d, d), rho);
        const step = mul(div(sqrt(add(u!, eps)), sqrt(add(square, eps))), d);
        return [sub(p, mul(rate, step)), square, running(u!, mul(step, step), rho)];
      },
    },
    lr,
    schedule,
  );
}
