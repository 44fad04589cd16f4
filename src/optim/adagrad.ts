import { optionsOf } from "../errors.ts";
import { add, div, mul, sub } from "../ops/pointwise/arithmetic.ts";
import { sqrt } from "../ops/pointwise/elementary.ts";
import { penalized } from "./means.ts";
import { Optimizer } from "./optimizer.ts";
import { checkAmounts, defaults, type OptimizerOptions } from "./options.ts";

export interface AdagradOptions extends OptimizerOptions {
  /** Default 1e-2. */
  readonly lr?: number;
  /** The rate of step t (from 1) is lr / (1 + (t − 1) · lrDecay); default 0. */
  readonly lrDecay?: number;
  /** Initial value of the sum of squares; default 0. */
  readonly initialAccumulatorValue?: number;
  /** Added to the square root; default 1e-10. */
  readonly eps?: number;
}

/** Adagrad (Duchi, Hazan & Singer, 2011) as in PyTorch: s += g², p −= lr / (1 + (t − 1) · lrDecay) · g / (√s + ε). */
export function adagrad(options: AdagradOptions = {}): Optimizer {
  const { lr, lrDecay, initialAccumulatorValue, eps, weightDecay, schedule } = optionsOf("optim.adagrad", options, {
    ...defaults,
    lr: 1e-2,
    lrDecay: 0,
    initialAccumulatorValue: 0,
    eps: 1e-10,
  });
  checkAmounts("adagrad", { lrDecay, initialAccumulatorValue, eps, weightDecay });
  return new Optimizer(
    {
      name: "adagrad",
      settings: { lrDecay, initialAccumulatorValue, eps, weightDecay },
      moments: [{ name: "sum", initial: initialAccumulatorValue }],
      ...(lrDecay > 0 && { scalars: (step) => [div(1, add(mul(sub(step, 1), lrDecay), 1))] }),
      update({ p, g, state: [s] }, rate, [decay]) {
        const d = penalized(g, p, weightDecay);
        const sum = add(s!, mul(d, d));
        const step = decay ? mul(rate, decay) : rate;
        return [sub(p, mul(step, div(d, add(sqrt(sum), eps)))), sum];
      },
    },
    lr,
    schedule,
  );
}
