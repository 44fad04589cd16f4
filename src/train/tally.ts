import type { Metric } from "./metrics.ts";

/** What the host knows of a batch when it is submitted. */
export interface Batch {
  /** Samples. */
  readonly rows: number;
  /** Sum of the samples' weights. */
  readonly weight: number;
}

/** Sums over batches, in float64: plain data, so that a training can be saved in the middle of an epoch. */
export interface Sums {
  steps: number;
  samples: number;
  weight: number;
  /** Weighted sums of loss and metric values, then plain sums of other numbers. */
  totals: number[];
}

export const noSums = (): Sums => ({ steps: 0, samples: 0, weight: 0, totals: [] });

/** How the columns of a ring are called. */
export class Columns {
  readonly #metrics: readonly (readonly [string, Metric])[];
  readonly #means: number;

  constructor(metrics: Readonly<Record<string, Metric>>) {
    this.#metrics = Object.entries(metrics);
    this.#means = 1 + this.#metrics.reduce((sum, [, { means }]) => sum + means.length, 0);
  }

  /** Adds the numbers of a batch: weighted sums over its samples, then numbers of the step. */
  add(sums: Sums, numbers: ArrayLike<number>, { rows, weight }: Batch): void {
    sums.steps++;
    sums.samples += rows;
    sums.weight += weight;
    for (let i = 0; i < numbers.length; i++) sums.totals[i] = (sums.totals[i] ?? 0) + numbers[i]!;
  }

  /** Loss and metrics from sums. */
  logs({ totals, weight }: Sums): Record<string, number> {
    return this.#named((i) => totals[i]! / weight);
  }

  /** Loss and metrics of one batch. */
  logsOf(numbers: ArrayLike<number>, { weight }: Batch): Record<string, number> {
    return this.#named((i) => numbers[i]! / weight);
  }

  /** Loss and metrics from their means. */
  #named(meanAt: (column: number) => number): Record<string, number> {
    let column = 1;
    const logs: Record<string, number> = { loss: meanAt(0) };
    for (const [name, { means, finish }] of this.#metrics) {
      logs[name] = finish(...means.map(() => meanAt(column++)));
    }
    return logs;
  }

  /** The numbers of a step that are no means: rate and norm. */
  others(numbers: ArrayLike<number>): { readonly lr: number; readonly gradNorm?: number } {
    const [lr, gradNorm] = [numbers[this.#means]!, numbers[this.#means + 1]];
    return { lr, ...(gradNorm !== undefined && { gradNorm }) };
  }
}
