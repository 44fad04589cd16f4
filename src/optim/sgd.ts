import { AttributeError, optionsOf } from "../errors.ts";
import { add, eq, mul, sub, where } from "../ops/pointwise/arithmetic.ts";
import { penalized } from "./means.ts";
import { Optimizer } from "./optimizer.ts";
import { checkAmounts, defaults, type OptimizerOptions } from "./options.ts";

export interface SgdOptions extends OptimizerOptions {
  readonly lr: number;
  /** Factor of the previous step; default 0. */
  readonly momentum?: number;
  /** Dampening of the gradient in the momentum; default 0. */
  readonly dampening?: number;
  /** Looks ahead along the momentum (Sutskever et al., 2013); default false. */
  readonly nesterov?: boolean;
}

/**
 * Stochastic gradient descent as in PyTorch: buf = momentum · buf + (1 − dampening) · g (the first buf is g itself), p
 * −= lr · buf, or with Nesterov momentum p −= lr · (g + momentum · buf).
 * @throws AttributeError for values out of range, and for Nesterov momentum without momentum or with dampening.
 */
export function sgd(options: SgdOptions): Optimizer {
  const { lr, momentum, dampening, weightDecay, nesterov, schedule } = optionsOf("optim.sgd", options, {
    ...defaults,
    lr: undefined,
    momentum: 0,
    dampening: 0,
    nesterov: false,
  });
  checkAmounts("sgd", { momentum, dampening, weightDecay });
  if (nesterov && (momentum === 0 || dampening !== 0)) {
    throw new AttributeError("optim.sgd: nesterov needs a momentum and no dampening");
  }
  return new Optimizer(
    {
      name: "sgd",
      settings: { momentum, dampening, weightDecay, nesterov },
      moments: momentum === 0 ? [] : ["momentum_buffer"],
      // Only with dampening does the first step differ.
      ...(momentum !== 0 && dampening !== 0 && { scalars: (step) => [step] }),
      update({ p, g, state: [buffer] }, rate, [step]) {
        const d = penalized(g, p, weightDecay);
        if (!buffer) return [sub(p, mul(rate, d))];
        const next = add(mul(buffer, momentum), mul(d, 1 - dampening));
        const kept = step ? where(eq(step, 1), d, next) : next;
        const direction = nesterov ? add(d, mul(kept, momentum)) : kept;
        return [sub(p, mul(rate, direction)), kept];
      },
    },
    lr,
    schedule,
  );
}
