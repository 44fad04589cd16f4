import { Bench } from "tinybench";
import type { Timing } from "./result.ts";

/** How much time a measurement may take. */
export interface Budget {
  /** Each sample repeats its work until it takes so long that clocks, waits and rounding do not matter. */
  readonly sampleMs: number;
  /** All samples of a measurement together take at least so long … */
  readonly totalMs: number;
  /** … and are at least so many; fewer where one of them takes longer than all should. */
  readonly samples: number;
}

/** Does the work so many times, and tells how many milliseconds that took altogether. */
export type Batch = (runs: number) => Promise<number>;

/** Below so many samples there is no telling how far they spread. */
const fewest = 3;

/** Times something that may be far shorter than the clock's tick. */
export async function time(batch: Batch, clock: Timing["clock"], budget: Budget): Promise<Timing> {
  const { runs, sampleMs } = await calibrate(batch, budget.sampleMs);
  const { totalMs, samples } = budget;
  const ms = sampleMs / runs;
  if (sampleMs > 10 * totalMs) return { ms, bestMs: ms, spread: null, samples: 1, runs, clock };
  const iterations = sampleMs > totalMs ? fewest : samples;
  const bench = new Bench({ time: totalMs, iterations, warmup: false, throws: true });
  const sample = async () => {
    const ms = await batch(runs);
    return { overriddenDuration: ms / runs, overriddenIterationCost: ms };
  };
  bench.add("sample", sample, { async: true });
  await bench.run();
  const { result } = bench.tasks[0]!;
  if (!("latency" in result)) throw new Error("a measurement gave no samples");
  const { p50, min, mad, samplesCount } = result.latency;
  const spread = samplesCount < fewest || p50 === 0 ? null : mad / p50;
  return { ms: p50, bestMs: min, spread, samples: samplesCount, runs, clock };
}

/** Most runs in a sample, so that what a pass records stays small. */
const mostRuns = 20_000;

/** How many runs make a sample, and how long that one takes. */
async function calibrate(batch: Batch, wantedMs: number): Promise<{ runs: number; sampleMs: number }> {
  let runs = 1;
  let ms = await batch(1);
  // The first run pays for what is made on first use.
  if (ms < 20 * wantedMs) ms = await batch(1);
  while (ms < 0.7 * wantedMs && runs < mostRuns) {
    const needed = ms > 0 ? (runs * wantedMs) / ms : Number.POSITIVE_INFINITY;
    runs = Math.ceil(Math.min(needed, 30 * runs, mostRuns));
    ms = await batch(runs);
  }
  return { runs, sampleMs: ms };
}
