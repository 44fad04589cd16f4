import { mistakes } from "./loaded.ts";
import type { Programs } from "./programs.ts";
import { ringSteps } from "./ring.ts";
import { Stage } from "./stage.ts";
import { noSamples, noWeight, orAborted, type Stream } from "./stream.ts";
import { type Batch, type Columns, noSums } from "./tally.ts";
import { unweighable, weightsOf } from "./weights.ts";

/**
 * Measures loss and metrics over a whole stream.
 * @param op the caller in errors. @param signal ends a wait for data.
 * @throws FeedError where no sample counts; the signal's reason where it comes during a wait.
 */
export async function measure(
  op: string,
  programs: Programs,
  columns: Columns,
  stream: Stream,
  batchSize: number,
  over: () => boolean = () => false,
  signal?: AbortSignal,
): Promise<Record<string, number>> {
  const { ring, engine } = programs;
  // After a recovery, the numbers of earlier batches are gone.
  const { live } = engine;
  const size = Math.min(batchSize, stream.samples ?? batchSize);
  const whole = await programs.for(size);
  const stage = new Stage(stream.specs, size);
  const sums = noSums();
  const waiting: Batch[] = [];
  let done = 0;
  ring.clear();
  const take = async () => {
    const batches = waiting.splice(0);
    const numbers = await ring.last(batches.length);
    live.check();
    numbers.forEach((row, i) => columns.add(sums, row, batches[i]!));
  };
  const reader = stream.epoch(0);
  try {
    let next = reader.fill(stage);
    for (let rows = await orAborted(next, signal); rows > 0 && !over(); rows = await orAborted(next, signal)) {
      const exact = rows < size && (await programs.mixes(size));
      const { program, inputs, weigh, perSample } = exact ? await programs.for(rows) : whole;
      if (!exact) stage.pad(rows);
      const weights = weightsOf(op, stage, rows, exact ? rows : size);
      if (weights.values && !perSample) throw unweighable(op);
      weigh(weights);
      const running = program.run(stage.feeds(inputs, exact ? rows : size));
      ring.ran();
      waiting.push({ rows, weight: weights.sum });
      next = reader.fill(stage);
      if (next instanceof Promise) next.catch(() => {});
      await running.catch(async (error) => {
        throw (await mistakes()).locate(op, error, stream, 0, done);
      });
      done += rows;
      if (waiting.length === ringSteps) await take();
    }
    await take();
  } finally {
    await reader.close();
  }
  if (!over()) {
    if (sums.samples === 0) throw noSamples(op);
    if (sums.weight === 0) throw noWeight(op);
  }
  return columns.logs(sums);
}
