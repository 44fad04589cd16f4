import type { Timing } from "./result.ts";

/** Time limits of a measurement. */
export interface Budget {
  /** A sample repeats its work for at least this long, so that clocks, waits and rounding do not matter. */
  readonly sampleMs: number;
  /** All samples of a measurement take at least this long … */
  readonly totalMs: number;
  /** … and there are at least this many, unless one sample exceeds the total. */
  readonly samples: number;
}

/** For a first look, and for figures to keep. */
export const budgets: Readonly<Record<"quick" | "full", Budget>> = {
  quick: { sampleMs: 20, totalMs: 120, samples: 5 },
  full: { sampleMs: 50, totalMs: 600, samples: 9 },
};

/** Does the work `runs` times. Returns the total milliseconds. */
export type Batch = (runs: number) => Promise<number>;

/** With fewer samples, the spread is unknown. */
const fewest = 3;

/** Times work that may be far shorter than the clock's resolution. */
export async function time(batch: Batch, clock: Timing["clock"], budget: Budget): Promise<Timing> {
  const { runs, sampleMs } = await calibrate(batch, budget.sampleMs);
  const { totalMs, samples } = budget;
  const ms = sampleMs / runs;
  if (sampleMs > 10 * totalMs) return { ms, bestMs: ms, spread: null, samples: 1, runs, clock };
  const least = sampleMs > totalMs ? fewest : samples;
  const taken: number[] = [];
  let total = 0;
  while ((total < totalMs || taken.length < least) && taken.length < mostSamples) {
    const sample = await batch(runs);
    taken.push(sample / runs);
    total += sample;
  }
  const middle = median(taken);
  const spread = median(taken.map((ms) => Math.abs(ms - middle))) / middle;
  return {
    ms: middle,
    bestMs: Math.min(...taken),
    spread: taken.length < fewest || middle === 0 ? null : spread,
    samples: taken.length,
    runs,
    clock,
  };
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const half = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[half]! : (sorted[half - 1]! + sorted[half]!) / 2;
}

/** For work that a coarse clock calls instant. */
const mostSamples = 10_000;

/** Most runs per sample, so that a pass does not record too much. */
const mostRuns = 20_000;

/** Finds how many runs make a sample, and how long that takes. */
async function calibrate(batch: Batch, wantedMs: number): Promise<{ runs: number; sampleMs: number }> {
  let runs = 1;
  let ms = await batch(1);
  // The first run pays for everything created on first use.
  if (ms < 20 * wantedMs) ms = await batch(1);
  while (ms < 0.7 * wantedMs && runs < mostRuns) {
    const needed = ms > 0 ? (runs * wantedMs) / ms : Number.POSITIVE_INFINITY;
    runs = Math.ceil(Math.min(needed, 30 * runs, mostRuns));
    ms = await batch(runs);
  }
  return { runs, sampleMs: ms };
}
