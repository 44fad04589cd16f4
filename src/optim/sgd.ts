import { AttributeError } from "../errors.ts";
import { add, eq, mul, sub, where } from "../ops/arithmetic.ts";
import { Optimizer } from "./optimizer.ts";

export interface SgdOptions {
  /** Learning rate. */
  readonly lr: number;
  /** Share of the last step that is kept; default 0. */
  readonly momentum?: number;
  /** Share of the gradient that is left out of the momentum; default 0. */
  readonly dampening?: number;
  /** L2 penalty: `weightDecay · p` is added to the gradient; default 0. */
  readonly weightDecay?: number;
  /** Looks ahead along the momentum (Sutskever et al., 2013); default false. */
  readonly nesterov?: boolean;
}

/**
 * Stochastic gradient descent as in PyTorch: buf = momentum · buf + (1 − dampening) · g (the first one is g itself),
 * p −= lr · buf, or lr · (g + momentum · buf) with Nesterov's.
 * @throws AttributeError for values out of range, and for Nesterov's without momentum or with dampening.
 */
export function sgd(options: SgdOptions): Optimizer {
  const { lr, momentum = 0, dampening = 0, weightDecay = 0, nesterov = false } = options;
  for (const [name, value] of Object.entries({ momentum, dampening, weightDecay })) {
    if (!(value >= 0 && Number.isFinite(value)))
      throw new AttributeError(`optim.sgd: ${name} is ${value}, expected a number from 0`);
  }
  if (nesterov && (momentum === 0 || dampening !== 0)) {
    throw new AttributeError("optim.sgd: nesterov needs a momentum and no dampening");
  }
  return new Optimizer(
    {
      name: "sgd",
      moments: momentum === 0 ? [] : ["momentum_buffer"],
      // Only dampening tells the first step from the others.
      ...(momentum !== 0 && dampening !== 0 && { scalars: (step) => [step] }),
      update({ p, g, state: [buffer] }, rate, [step]) {
        const d = weightDecay === 0 ? g : add(g, mul(p, weightDecay));
        if (!buffer) return [sub(p, mul(rate, d))];
        const next = add(mul(buffer, momentum), mul(d, 1 - dampening));
        const kept = step ? where(eq(step, 1), d, next) : next;
        const direction = nesterov ? add(d, mul(kept, momentum)) : kept;
        return [sub(p, mul(rate, direction)), kept];
      },
    },
    lr,
  );
}
