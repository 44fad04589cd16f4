import type { Engine, Feeds, Program } from "../../src/index.ts";
import type { Workload } from "../workloads.ts";
import { type Batch, type Budget, time } from "./clock.ts";
import { record } from "./replay.ts";
import { boundOf, type Ceilings, type StepRow, workOf } from "./result.ts";

/** Runs training steps one after the other, as a user does, until the device has finished the last. */
export const stepping =
  (engine: Engine, program: Program, feeds: Feeds): Batch =>
  async (runs) => {
    const start = performance.now();
    for (let run = 0; run < runs; run++) await program.run(feeds);
    await engine.device.queue.onSubmittedWorkDone();
    return performance.now() - start;
  };

/** Number of kernels to list for a step. */
const mostNamed = 8;

/** Times a training step, writing its inputs each time, and finds out where the time goes. */
export async function measureStep(
  engine: Engine,
  { name, build }: Workload,
  ceilings: Ceilings,
  budget: Budget,
): Promise<StepRow> {
  const { outputs, updates, feeds } = build();
  const start = performance.now();
  const program = await engine.compile({ outputs, updates });
  const compileMs = performance.now() - start;
  const { kernels, memory } = program.inspect();
  const { dispatches, submits } = await record(engine.device, () => program.run(feeds));
  const timing = await time(stepping(engine, program, feeds), "wall", budget);
  const loss = await program.outputs.loss.scalar();
  if (!Number.isFinite(loss)) throw new Error(`${name}: the loss is ${loss}`);
  const times = engine.device.features.has("timestamp-query") ? (await program.profile(feeds)).kernels : [];
  program.destroy();
  const { flops } = workOf(kernels);
  return {
    name,
    ...timing,
    compileMs,
    dispatches: dispatches.length,
    submits,
    bytes: memory.total,
    flops,
    gflops: flops / timing.ms / 1e6,
    ofRoofline: boundOf(kernels, ceilings) / timing.ms,
    dispatching: (dispatches.length * ceilings.dispatchUs) / 1000 / timing.ms,
    longest: times.toSorted((a, b) => b.ms - a.ms).slice(0, mostNamed),
  };
}
