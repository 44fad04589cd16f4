import type { Runner } from "../../src/runtime/runner.ts";
import { clockOf } from "./program.ts";
import { type Dispatch, replayOnDevice } from "./replay.ts";
import type { Timing } from "./result.ts";

/** A timed sample must be at least this many steps of the clock, so that a step changes it by 5 % at most. */
const fewestSteps = 20;

/** Whether the clock is fine enough for a timing: whether its samples took many steps. */
export const carries = ({ ms, runs }: Pick<Timing, "ms" | "runs">, stepMs: number): boolean =>
  ms * runs >= fewestSteps * stepMs;

/** The step of the clock that times kernels, in milliseconds: its readings are multiples of it. */
export async function clockStep(engine: Runner, dispatches: readonly Dispatch[]): Promise<number> {
  if (clockOf(engine) === "wall") return wallStep();
  const readings: number[] = [];
  for (let runs = 1; runs <= 8; runs++) readings.push(await replayOnDevice(engine.device, dispatches, runs));
  return commonStep(readings);
}

/** The shortest time between two different readings of the host's clock. */
function wallStep(): number {
  let step = Number.POSITIVE_INFINITY;
  const start = performance.now();
  let last = start;
  for (let reads = 0; reads < 100_000 && last - start < 10; reads++) {
    const now = performance.now();
    if (now > last) step = Math.min(step, now - last);
    last = now;
  }
  return step;
}

/** The largest time in whole nanoseconds of which all readings are multiples, in milliseconds. */
export function commonStep(readings: readonly number[]): number {
  const divisor = (a: number, b: number): number => (b === 0 ? a : divisor(b, a % b));
  return readings.map((ms) => Math.round(ms * 1e6)).reduce(divisor, 0) / 1e6;
}
