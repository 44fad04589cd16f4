import type { Program } from "../runtime/program.ts";
import { notify, type Training } from "./callbacks.ts";
import { readStatistics } from "./gradients.ts";
import type { StepLogs } from "./history.ts";
import { type Parts, progressOf, type Submitted } from "./parts.ts";
import type { Position } from "./position.ts";
import { ringSteps } from "./ring.ts";
import type { Stopwatch } from "./stopwatch.ts";
import type { Columns } from "./tally.ts";

/**
 * Reads the numbers of past steps from time to time, while later steps go on: adds them up, keeps them in the history,
 * and passes them to callbacks.
 */
export class Readings {
  readonly #parts: Parts;
  readonly #columns: Columns;
  readonly #stopwatch: Stopwatch;
  /** What callbacks get. */
  readonly #training: Training;
  /** Steps whose numbers are still to be processed, in order: these are in the ring. */
  #submitted: Submitted[] = [];
  /** Programs with checks that have run since their checks were last read. */
  readonly #unchecked = new Set<Pick<Program, "read">>();
  /** The reading in progress, with the callbacks that it leads to. */
  #reading: Promise<void> | undefined;
  #lastReading = performance.now();
  /** The learning rate of the last step that was read. */
  lastRate: number | undefined;
  /** Why the training must end, if so. */
  failure: { readonly error: unknown } | undefined;

  constructor(parts: Parts, columns: Columns, stopwatch: Stopwatch, training: Training) {
    this.#parts = parts;
    this.#columns = columns;
    this.#stopwatch = stopwatch;
    this.#training = training;
  }

  /** Notes a step that has just been submitted. @param checked its program, where kernels check what they store. */
  submitted(step: Submitted, checked: Pick<Program, "read"> | undefined): void {
    this.#submitted.push(step);
    if (checked) this.#unchecked.add(checked);
  }

  /** The last step was refused, and has not run. */
  refused(): void {
    this.#submitted.pop();
    this.#parts.programs.ring.refused();
  }

  /** Reads if it is time to. Waits where the ring is full. @param over whether the training is to end. */
  async readIfDue(over: () => boolean): Promise<void> {
    const isDue = performance.now() - this.#lastReading >= this.#parts.options.progressEvery;
    if (isDue || this.#submitted.length >= ringSteps / 2) void this.#read();
    const isFull = () => this.#submitted.length >= ringSteps;
    if (isFull()) await this.#parts.gate.pass(over, () => isFull() && this.#reading !== undefined);
  }

  /** Reads and processes all numbers that are still on the GPU. @throws the failure of the training, if any. */
  async settle(): Promise<void> {
    while (this.#submitted.length > 0 && !this.failure) await this.#parts.gate.serve(this.#read());
    if (this.failure) throw this.failure.error;
  }

  /** Waits for the reading in progress, whose callbacks may be about to save, and counts the steps after it. */
  async end(): Promise<void> {
    const { gate } = this.#parts;
    if (this.#reading) await gate.serve(this.#reading);
    // An error leaves steps that nobody has read. A resumed training goes on after them.
    if (this.#submitted.length > 0) await gate.serve(this.#count().catch(() => {}));
  }

  /** Counts submitted steps, up to a loss that is not finite, without a word to callbacks. */
  async #count(): Promise<void> {
    const { position, programs } = this.#parts;
    const numbers = await programs.ring.last(this.#submitted.length);
    for (const [i, step] of this.#submitted.splice(0).entries()) {
      const row = numbers[i]!;
      if (!Number.isFinite(row[0]!)) return;
      this.#add(position, step, row);
    }
  }

  /** The position as it will be when all submitted steps are processed. Call it between steps. */
  async snapshot(): Promise<Position> {
    const { position, programs } = this.#parts;
    const steps = [...this.#submitted];
    const copy = structuredClone(position);
    const numbers = await programs.ring.last(steps.length);
    for (const [i, step] of steps.entries()) this.#add(copy, step, numbers[i]!);
    return copy;
  }

  /** Reads and processes what has been submitted, unless that is going on. Never rejects: failures end the training. */
  #read(): Promise<void> {
    if (this.#reading) return this.#reading;
    this.#lastReading = performance.now();
    this.#stopwatch.lap();
    const steps = [...this.#submitted];
    const numbers = this.#parts.programs.ring.last(steps.length);
    const checks = [...this.#unchecked].map((program) => program.read([]));
    this.#unchecked.clear();
    this.#reading = Promise.all([numbers, ...checks])
      .then(([numbers]) => this.#process(numbers, steps))
      .catch((error) => {
        this.failure ??= { error };
      })
      .finally(() => {
        this.#reading = undefined;
        this.#parts.gate.wake();
      });
    return this.#reading;
  }

  async #process(numbers: readonly Float32Array[], steps: readonly Submitted[]): Promise<void> {
    const { options, position, diagnose } = this.#parts;
    const { callbacks } = options;
    const watched = callbacks.some(({ onBatchEnd }) => onBatchEnd);
    for (const [i, step] of steps.entries()) {
      const row = numbers[i]!;
      if (!Number.isFinite(row[0]!)) throw await diagnose(step, row[0]!);
      this.#add(position, step, row);
      this.lastRate = this.#columns.others(row).lr;
      this.#submitted.shift();
      if (step.gradients) await this.#look(step, await step.gradients);
      if (watched) await notify(callbacks, "onBatchEnd", this.#logs(step, row), this.#training);
    }
    if (steps.length > 0) await notify(callbacks, "onProgress", progressOf(this.#parts, this.#columns), this.#training);
  }

  /** Adds the numbers of a step to a position. */
  #add({ sums, history }: Position, step: Submitted, row: Float32Array): void {
    this.#columns.add(sums, row, step);
    if (this.#parts.options.history === "step") history.steps.push(this.#logs(step, row));
  }

  async #look({ epoch, step }: Submitted, values: Readonly<Record<string, ArrayLike<number>>>): Promise<void> {
    const logs = { epoch, step, parameters: readStatistics(values) };
    this.#parts.position.history.gradients.push(logs);
    await notify(this.#parts.options.callbacks, "onGradients", logs, this.#training);
  }

  #logs(step: Submitted, row: Float32Array): StepLogs {
    return {
      epoch: step.epoch,
      step: step.step,
      ...this.#columns.logsOf(row, step),
      samples: step.rows,
      ...this.#columns.others(row),
    } as StepLogs;
  }
}
