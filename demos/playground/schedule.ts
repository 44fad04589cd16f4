import type { Network } from "./settings.ts";

/** The learning rate of an epoch, from 0: the formulas of PyTorch's schedulers, each stepped once an epoch. */
export function rateAt({ rate, schedule }: Pick<Network, "rate" | "schedule">, epoch: number): number {
  switch (schedule) {
    case "constant":
      return rate;
    case "halving":
      return rate * 0.5 ** Math.floor(epoch / 50);
    case "decay":
      return rate * 0.99 ** epoch;
    case "cosine":
      return (rate * (1 + Math.cos((Math.PI * (epoch % 100)) / 100))) / 2;
    case "warmup":
      return rate * Math.min(1, 0.1 + 0.09 * epoch);
  }
}
