import type { Compiled } from "./compiled.ts";
import { mistakes } from "./loaded.ts";
import type { FitOptions } from "./options.ts";
import type { Programs } from "./programs.ts";
import { ringSteps } from "./ring.ts";
import { Stage } from "./stage.ts";
import { checkReads, isAtHand, orAborted, type Stream } from "./stream.ts";
import { type Batch, type Columns, noSums } from "./tally.ts";
import { weightsOf } from "./weights.ts";

/** What ends a measurement early. */
interface End {
  /** Asked before each batch. */
  over?(): boolean;
  /** Ends a wait for data: its reason is thrown. */
  readonly signal?: AbortSignal | undefined;
}

/** The values of the validation data. @param over asked before each batch whether to end early. */
export type Validate = (over: () => boolean) => Promise<Record<string, number>>;

/** Measures one data set after the other, since they share a ring. */
export class Evaluations {
  readonly #compiled: Compiled;
  readonly #columns: Columns;
  #last: Promise<unknown> = Promise.resolve();

  constructor(compiled: Compiled, columns: Columns) {
    this.#compiled = compiled;
    this.#columns = columns;
  }

  /** Loss and metrics. @param op the caller in errors. @param open opens the data when its turn comes. */
  measure(op: string, open: () => Promise<Stream>, batchSize: number, end?: End): Promise<Record<string, number>> {
    const next = async () => {
      const stream = await open();
      try {
        return await measure(op, this.#compiled.evaluation, this.#columns, stream, batchSize, end);
      } finally {
        await stream.close();
      }
    };
    const measured = this.#last.then(next);
    this.#last = measured.catch(() => {});
    return measured;
  }

  /**
   * Prepares the validation of a training. Data at hand is opened and checked now, once for all epochs, so that it ends no
   * epoch with an error.
   */
  async validation(
    options: Pick<FitOptions, "validationData" | "signal"> & {
      readonly epochs: number;
      readonly validationBatchSize: number;
    },
  ): Promise<Validate | undefined> {
    const { validationData: data, validationBatchSize, epochs, signal } = options;
    if (data === undefined) return undefined;
    const op = "fit, validationData";
    await checkReads(op, data, epochs);
    const open = () => this.#compiled.open(op, data, { signal });
    const ready = isAtHand(data) ? await open() : undefined;
    return (over) =>
      this.measure(op, async () => ready ?? open(), validationBatchSize, { over, signal }).catch((error) => {
        if (!signal?.aborted || error !== signal.reason) throw error;
        return {}; // A resumed training completes this epoch.
      });
  }
}

/**
 * Measures loss and metrics over a whole stream.
 * @throws FeedError where no sample counts; the signal's reason where it comes during a wait.
 */
async function measure(
  op: string,
  programs: Programs,
  columns: Columns,
  stream: Stream,
  batchSize: number,
  { over = () => false, signal }: End = {},
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
      if (weights.values && !perSample) throw (await mistakes()).unweighable(op);
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
    if (sums.samples === 0) throw (await mistakes()).noSamples(op);
    if (sums.weight === 0) throw (await mistakes()).noWeight(op);
  }
  return columns.logs(sums);
}
