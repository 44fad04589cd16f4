import { type Event, type EventArguments, notify, type Training } from "./callbacks.ts";
import type { EpochLogs, History } from "./history.ts";
import { mistakes } from "./loaded.ts";
import { Pace } from "./pace.ts";
import type { Parts } from "./parts.ts";
import { nextEpoch, type Position } from "./position.ts";
import { Readings } from "./readings.ts";
import { Stage } from "./stage.ts";
import { Stopwatch } from "./stopwatch.ts";
import type { Reader } from "./stream.ts";
import { Columns } from "./tally.ts";
import { weightsOf } from "./weights.ts";

/** One training: the loop from the first step to the last. */
export class Run implements Training {
  readonly #parts: Parts;
  readonly #columns: Columns;
  readonly #pace: Pace;
  readonly #stopwatch: Stopwatch;
  readonly #readings: Readings;
  #stopped: string | undefined;

  constructor(parts: Parts) {
    this.#parts = parts;
    this.#columns = new Columns(parts.recipe.metrics);
    this.#pace = new Pace(parts.recipe.engine, parts.options.budget);
    this.#stopwatch = new Stopwatch(parts.position);
    this.#readings = new Readings(parts, this.#columns, this.#stopwatch, this);
  }

  get engine() {
    return this.#parts.recipe.engine;
  }

  get optimizer() {
    return this.#parts.recipe.optimizer!;
  }

  get variables() {
    const { variables, ema } = this.#parts.recipe;
    const averages = [...(ema?.state(variables) ?? [])].map(([name, variable]) => [`ema.${name}`, variable] as const);
    return new Map([...variables, ...averages]);
  }

  get history(): History {
    return this.#parts.position.history;
  }

  get epochs(): number {
    return this.#parts.options.epochs;
  }

  get epoch(): number {
    return this.#parts.position.epoch;
  }

  get step(): number {
    return this.#parts.position.step;
  }

  stop(reason: string): void {
    this.#stopped ??= reason;
    this.#parts.gate.wake();
  }

  save(): Promise<Uint8Array<ArrayBuffer>> {
    return this.#parts.save();
  }

  /** Trains to the end. Rejects with the first error, after all pending work. */
  async go(): Promise<History> {
    const { options, position, again, gate } = this.#parts;
    const { epochs, signal } = options;
    const abort = () => this.stop("aborted");
    signal?.addEventListener("abort", abort);
    try {
      if (signal?.aborted) abort();
      delete this.history.stopped;
      delete this.history.best;
      if (!again) await this.#notify("onTrainBegin", this);
      while (position.epoch < epochs && !this.#over()) await this.#epoch();
      if (this.#stopped !== undefined) this.history.stopped = this.#stopped;
      // What is to be saved comes before callbacks change the weights.
      await gate.pass(() => true);
      await this.#notify("onTrainEnd", this.history, this);
      return this.history;
    } finally {
      signal?.removeEventListener("abort", abort);
      await this.#readings.end();
    }
  }

  /** Tells callbacks of the error with which the training ends. */
  async failed(error: unknown): Promise<void> {
    const told = this.#parts.options.callbacks.map((callback) => notify([callback], "onTrainError", error, this));
    await this.#parts.gate.serve(Promise.allSettled(told));
  }

  /** The position as it will be when all submitted steps are processed. Call it between steps. */
  snapshot(): Promise<Position> {
    return this.#readings.snapshot();
  }

  readonly #over = (): boolean => this.#readings.failure !== undefined || this.#stopped !== undefined;

  /** Calls callbacks while the training stands. */
  #notify<E extends Event>(event: E, ...args: EventArguments<E>): Promise<void> {
    return this.#parts.gate.serve(notify(this.#parts.options.callbacks, event, ...args));
  }

  async #epoch(): Promise<void> {
    const { options, position, stream, validate, gate } = this.#parts;
    const { stepsPerEpoch = Number.POSITIVE_INFINITY } = options;
    if (position.batch === 0) await this.#notify("onEpochBegin", position.epoch + 1, this);
    this.#stopwatch.start();
    const reader = stream.epoch(position.epoch, position.samples);
    try {
      await this.#steps(reader, stepsPerEpoch);
    } finally {
      await reader.close();
    }
    await this.#readings.settle();
    this.#stopwatch.lap();
    // Stopped in the middle: a resumed training completes the epoch, and validates it.
    if (this.#over() && (validate || !this.#isWhole())) return;
    if (position.batch === 0)
      throw (await mistakes()).noBatch(position.epoch + 1, options.dropLast ? options.batchSize : undefined);
    if (position.sums.weight === 0) throw (await mistakes()).noWeight("fit");
    const validation = validate && (await gate.serve(validate(this.#over)));
    if (validation && this.#over()) return;
    const { step, samples, seconds, sums } = position;
    const { lr, gradNorm } = this.#columns.others(sums.totals.map((total) => total / sums.steps));
    const logs = {
      epoch: position.epoch + 1,
      ...this.#columns.logs(sums),
      ...Object.fromEntries(Object.entries(validation ?? {}).map(([name, value]) => [`val_${name}`, value])),
      step,
      samples,
      seconds,
      lr: this.#readings.lastRate ?? lr,
      ...(gradNorm !== undefined && { gradNorm }),
    } as unknown as EpochLogs;
    this.history.epochs.push(logs);
    nextEpoch(position);
    await this.#notify("onEpochEnd", logs, this);
  }

  /** Whether all samples of the epoch have been trained on. */
  #isWhole(): boolean {
    const { stream, position, options } = this.#parts;
    const { stepsPerEpoch, dropLast, batchSize } = options;
    if (stepsPerEpoch !== undefined) return position.batch >= stepsPerEpoch;
    const wanted = stream.samples && (dropLast ? stream.samples - (stream.samples % batchSize) : stream.samples);
    return wanted !== undefined && position.samples >= wanted;
  }

  async #steps(reader: Reader, most: number): Promise<void> {
    const { options, position, gate, programs, stream, classWeight } = this.#parts;
    const size = Math.min(options.batchSize, stream.samples ?? options.batchSize);
    const { gradientsEvery, checkFinite } = options;
    const whole = await programs.for(size, checkFinite);
    position.size = size;
    const stage = new Stage(stream.specs, size);
    const fill = () => {
      const filled = position.batch < most ? reader.fill(stage) : 0;
      // Awaited later, perhaps after a failure of the step.
      if (filled instanceof Promise) filled.catch(() => {});
      return filled;
    };
    let next = fill();
    for (let rows = await this.#arrived(next); rows > 0; rows = await this.#arrived(next)) {
      if (rows < options.batchSize && options.dropLast) return;
      if (gate.closed) {
        this.#stopwatch.lap();
        await gate.pass(this.#over);
        this.#stopwatch.start();
      }
      if (this.#over()) return;
      this.#parts.rewind.mark(() => this.snapshot());
      const exact = rows < size && (await programs.mixes(size));
      const sized = exact ? await programs.for(rows, checkFinite) : whole;
      const { inputs, weigh, perSample } = sized;
      const looks = gradientsEvery !== undefined && position.step % gradientsEvery === 0;
      const watched = looks ? await sized.statistics() : undefined;
      if (!exact) stage.pad(rows);
      const weights = weightsOf("fit", stage, rows, exact ? rows : size, classWeight);
      if (weights.values && !perSample) throw (await mistakes()).unweighable("fit");
      weigh(weights);
      // Copies its feeds at once: the next batch is fetched while the GPU works on this one.
      const program = watched ?? sized.program;
      const running = program.run(stage.feeds(inputs, exact ? rows : size));
      programs.ring.ran();
      const { epoch, batch } = position;
      const gradients = watched?.read();
      gradients?.catch(() => {}); // Awaited when the step's numbers have been read.
      const step = position.step + 1;
      this.#readings.submitted(
        { rows, weight: weights.sum, epoch: epoch + 1, batch, step, ...(gradients && { gradients }) },
        checkFinite ? program : undefined,
      );
      position.batch++;
      position.step++;
      position.samples += rows;
      next = fill();
      await running.catch(async (error) => {
        // Refused, and so not run: a training that is resumed begins with this batch.
        this.#readings.refused();
        position.batch--;
        position.step--;
        position.samples -= rows;
        throw (await mistakes()).locate("fit", error, stream, epoch, position.samples);
      });
      await this.#pace.rest();
      await this.#readings.readIfDue(this.#over);
    }
  }

  /** The samples of the next batch; 0 also where the training ends before the data arrives. */
  async #arrived(filled: number | Promise<number>): Promise<number> {
    return typeof filled === "number" ? filled : ((await this.#parts.gate.serve(filled, this.#over)) ?? 0);
  }
}
