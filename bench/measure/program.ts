import type { Program } from "../../src/index.ts";
import type { Runner } from "../../src/runtime/runner.ts";
import type { Graph } from "../cases/case.ts";
import { type Results, results } from "./check.ts";
import { type Budget, time } from "./clock.ts";
import { type Dispatch, record, replayOnDevice, replayOnWall } from "./replay.ts";
import type { Timing } from "./result.ts";

/** Runs a program once. @returns its results, to be checked, and its dispatches, to be timed. */
export async function runRecorded(
  engine: Runner,
  program: Program,
  graph: Graph,
): Promise<{ readonly got: Results; readonly dispatches: readonly Dispatch[] }> {
  let got: Results = {};
  const { dispatches } = await record(engine.device, async () => {
    got = await results(engine, program, graph);
  });
  return { got, dispatches };
}

/** The clock for kernels: on a CPU, the host's is as good, and finer. */
export const clockOf = ({ traits }: Runner): Timing["clock"] =>
  traits.features.has("timestamp-query") && !traits.cpu ? "gpu" : "wall";

/** Times dispatches, over and over in one pass. */
export function timeDispatches(engine: Runner, dispatches: readonly Dispatch[], budget: Budget): Promise<Timing> {
  const clock = clockOf(engine);
  const replay = clock === "gpu" ? replayOnDevice : replayOnWall;
  return time((runs) => replay(engine.device, dispatches, runs), clock, budget);
}
