import { AttributeError } from "../errors.ts";
import type { Schedule } from "./schedule.ts";

/** What all optimizers take. */
export interface OptimizerOptions {
  /** Learning rate. */
  readonly lr?: number;
  /** How the learning rate changes from step to step; it starts from `lr`. Default: it stays. */
  readonly schedule?: Schedule;
  /** L2 penalty: `weightDecay · p` is added to the gradient; default 0. */
  readonly weightDecay?: number;
}

/** Refuses options that are negative or not finite. */
export function checkAmounts(name: string, amounts: Readonly<Record<string, number>>): void {
  for (const [key, value] of Object.entries(amounts)) {
    if (!(value >= 0 && Number.isFinite(value)))
      throw new AttributeError(`optim.${name}: ${key} is ${value}, expected a number from 0`);
  }
}

/** Refuses shares of a running mean that are not below 1. */
export function checkShares(name: string, shares: Readonly<Record<string, number>>): void {
  for (const [key, value] of Object.entries(shares)) {
    if (!(value >= 0 && value < 1))
      throw new AttributeError(`optim.${name}: ${key} is ${value}, expected a number from 0 to below 1`);
  }
}
