import { checkNumber } from "../errors.ts";
import type { Schedule } from "./schedule.ts";

/** Options of all optimizers. */
export interface OptimizerOptions {
  /** Learning rate; each optimizer states its default. */
  readonly lr?: number;
  /** How the learning rate changes from step to step, starting from `lr`. Default: it stays constant. */
  readonly schedule?: Schedule;
  /** L2 penalty: `weightDecay · p` is added to the gradient; default 0. */
  readonly weightDecay?: number;
}

/** Refuses options that are negative or not finite. */
export function checkAmounts(name: string, amounts: Readonly<Record<string, number>>): void {
  for (const [key, value] of Object.entries(amounts)) {
    checkNumber(`optim.${name}`, key, value, "a number from 0", (n) => n >= 0);
  }
}

/** Refuses decays outside [0, 1). */
export function checkShares(name: string, shares: Readonly<Record<string, number>>): void {
  for (const [key, value] of Object.entries(shares)) {
    checkNumber(`optim.${name}`, key, value, "a number from 0 to below 1", (n) => n >= 0 && n < 1);
  }
}

/** Defaults of all optimizers. */
export const defaults = { weightDecay: 0, schedule: undefined };
