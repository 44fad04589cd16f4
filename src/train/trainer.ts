import type { Bytes } from "../data/bytes.ts";
import { AttributeError, checkWhole, optionsOf, StateError } from "../errors.ts";
import type { Variable } from "../graph/tensor.ts";
import { variable } from "../ops/sources/constants.ts";
import type { Engine } from "../runtime/engine.ts";
import { type Callback, type CallbackState, restore } from "./callbacks.ts";
import { diagnose } from "./diagnose.ts";
import { measure } from "./evaluate.ts";
import { Run } from "./fit.ts";
import { Gate } from "./gate.ts";
import type { History, Logs } from "./history.ts";
import { mistakes } from "./loaded.ts";
import { type FitOptions, fitOptions } from "./options.ts";
import type { Submitted } from "./parts.ts";
import { type Position, start } from "./position.ts";
import { type Prediction, type PredictOptions, Predictor } from "./predictor.ts";
import { evaluationPrograms, type Programs, trainingPrograms } from "./programs.ts";
import { type Recipe, recipeOf, type TrainerOptions } from "./recipe.ts";
import { Rewind } from "./rewind.ts";
import type { ArrayData, Specs } from "./specs.ts";
import { checkReads, type Data, isAtHand, open, type Reading, type Stream } from "./stream.ts";
import { Columns } from "./tally.ts";
import { classWeightOf } from "./weights.ts";

export interface EvaluateOptions {
  /** Samples per batch; default 256. */
  readonly batchSize?: number;
}

/** The caller in errors about the validation data. */
const validating = "fit, validationData";

/** Numbers of samples per batch; 0, the default, compiles none. */
export interface CompileOptions {
  readonly fit?: number;
  readonly evaluate?: number;
  readonly predict?: number;
}

/**
 * Trains, measures and applies a model: the loop around a program, with everything a loop needs.
 *
 * ```ts
 * const trainer = new Trainer({ engine, model, loss: losses.crossEntropy, optimizer: optim.adam(), metrics: { accuracy } });
 * const history = await trainer.fit({ x, y }, { epochs: 10, batchSize: 64 });
 * const { loss, accuracy } = await trainer.evaluate(test);
 * const { data, shape } = await trainer.predict(x);
 * ```
 */
export class Trainer<M extends string = never> {
  readonly #recipe: Recipe;
  readonly #gate = new Gate();
  readonly #predictor: Predictor;
  /** 1 until a loss is not finite. */
  readonly #going = variable(1, [], { name: "going", group: "training goes on", dtype: "i32" });
  #specs: Specs;
  #training: Programs | undefined;
  /** The frozen variables that the programs of the training leave out. */
  #frozen = "";
  #evaluation: Programs | undefined;
  #position: Position | undefined;
  #run: Run | undefined;
  #isFitting = false;
  /** Callbacks of the last training, and their states in a loaded file: both belong to the state. */
  #callbacks: readonly Callback[] = [];
  #states: ReadonlyMap<string, CallbackState> = new Map();
  /** Evaluations follow each other: they share a ring. */
  #measuring: Promise<unknown> = Promise.resolve();
  #destroyed = false;

  /** @throws AttributeError for unfit options. */
  constructor(options: TrainerOptions<M>) {
    this.#recipe = recipeOf("Trainer", options as TrainerOptions);
    this.#specs = this.#recipe.shapes;
    this.#predictor = new Predictor(this.#recipe);
  }

  get engine(): Engine {
    return this.#recipe.engine;
  }

  /** The model's variables by name, as `nn.stateDict` gives them. */
  get variables(): ReadonlyMap<string, Variable> {
    return this.#recipe.variables;
  }

  /** The course of the training so far; `undefined` before the first. */
  get history(): History<M> | undefined {
    return this.#position?.history as History<M> | undefined;
  }

  /** Bytes on the GPU of all programs compiled so far: of variables, which programs share, and in all. */
  get memory(): { readonly variables: number; readonly total: number } {
    const groups = [this.#training?.programs ?? [], this.#evaluation?.programs ?? [], this.#predictor.programs];
    const all = groups.flatMap((programs) => programs.map(({ memory }) => memory));
    const variables = Math.max(0, ...all.map((memory) => memory.variables));
    return { variables, total: all.reduce((sum, memory) => sum + memory.total - memory.variables, variables) };
  }

  /** What the trainer does: "training", "paused" or "idle". */
  get state(): "idle" | "training" | "paused" {
    if (!this.#isFitting) return "idle";
    return this.#gate.paused ? "paused" : "training";
  }

  /**
   * Trains. The last batch of an epoch may be smaller: it counts as exactly its samples.
   *
   * @param data arrays, an iterable of samples or batches, or a function that returns one for each epoch.
   * @returns the history, also where a signal or a callback ended the training early.
   * @throws FeedError, ShapeError, DTypeError for data that does not fit.
   * @throws NonFiniteError where the loss becomes NaN or infinite: it names the kernel and the layer where that began. The
   * weights are those from before that step, or the best ones with `earlyStopping`.
   * @throws DeviceLostError where the device is lost; with `recover` of tilegrad/recover, the training goes on instead.
   * @throws StateError while another `fit` runs. And whatever a callback throws.
   */
  async fit(data: Data, options: FitOptions = {}): Promise<History<M>> {
    let all: ReturnType<typeof fitOptions>;
    try {
      all = fitOptions(options);
    } catch (error) {
      throw (await mistakes()).explainOptions(error, options);
    }
    this.#check("fit");
    if (this.#isFitting) throw new StateError("fit: a training is running: await it, or stop it with its signal");
    this.#isFitting = true;
    this.#gate.begin();
    let stream: Stream | undefined;
    let rewind: Rewind | undefined;
    try {
      if (all.callbacks.length > 0) (await mistakes()).checkEvents("fit", all.callbacks);
      const { epochs, shuffle, seed, stepsPerEpoch, dropLast, validationData } = all;
      if (validationData) checkReads(validating, validationData, epochs);
      const reads = stepsPerEpoch === undefined ? epochs : 1;
      const from = all.resume ? (this.#position?.epoch ?? 0) : 0;
      const { signal } = all;
      const opened = await this.#open("fit", data, { shuffle, seed, epochs: reads, from, signal }).catch((error) => {
        if (!signal?.aborted || error !== signal.reason) throw error;
        return undefined;
      });
      if (!opened) return this.#unbegun(all.resume);
      stream = opened;
      const openValidation = () => this.#open(validating, validationData!, { signal });
      // What is at hand is checked now, once for all epochs: none of them ends in an error.
      const ready = validationData && isAtHand(validationData) ? await openValidation() : undefined;
      const batchSize = all.batchSize ?? (opened.samples === undefined && opened.first > 1 ? opened.first : 32);
      this.#begin(all.resume, { batchSize, shuffle, seed, dropLast });
      const programs = await this.#trainingPrograms();
      if (all.resume) restore(all.callbacks, this.#states);
      this.#callbacks = all.callbacks;
      this.#states = new Map();
      rewind = new Rewind(this.engine, all.callbacks, opened);
      const parts = {
        recipe: this.#recipe,
        options: { ...all, batchSize },
        programs,
        stream: opened,
        classWeight: classWeightOf("fit", all.classWeight, this.#recipe.targets[0]!, opened.specs),
        gate: this.#gate,
        rewind,
        validate:
          validationData === undefined
            ? undefined
            : (over: () => boolean) =>
                this.#measure(
                  validating,
                  async () => ready ?? openValidation(),
                  all.validationBatchSize,
                  over,
                  signal,
                ).catch((error) => {
                  if (!signal?.aborted || error !== signal.reason) throw error;
                  return {}; // Of an epoch that a resumed training completes.
                }),
        save: () => this.save(),
        diagnose: (step: Submitted, loss: number) => {
          const skip = opened.once ? undefined : step.batch * batchSize;
          return diagnose(this.#recipe, opened, step, skip, loss);
        },
      };
      for (let again = false; ; again = true) {
        try {
          if (!again) await rewind.settle(this.#position!);
          this.engine.write(this.#going, 1);
          programs.ring.clear();
          this.#run = new Run({ ...parts, position: this.#position!, again });
          const history = await this.#run.go();
          await rewind.settle(this.#position!);
          return history as unknown as History<M>;
        } catch (error) {
          const back = await rewind.to(error, all.signal);
          if (!back) throw error;
          this.#position = back;
        }
      }
    } catch (error) {
      await this.#run?.failed(error);
      throw error;
    } finally {
      rewind?.leave();
      this.#run = undefined;
      await this.#gate.end();
      this.#isFitting = false;
      await stream?.close();
    }
  }

  /**
   * Compiles programs ahead of time, so that the first step and the first answer come at once, and `memory` is known.
   * @param options `fit`, `evaluate` and `predict`: numbers of samples per batch; default none.
   * @throws StateError while it is not known what samples are: state `shapes`, or load a training.
   */
  async compile(options: CompileOptions): Promise<void> {
    this.#check("compile");
    const { fit, evaluate, predict } = optionsOf("compile", options, { fit: 0, evaluate: 0, predict: 0 });
    for (const [name, size] of Object.entries({ fit, evaluate, predict })) checkWhole("compile", name, size, 0);
    const { inputs, targets } = this.#recipe;
    const missing = [...inputs, ...(fit + evaluate > 0 ? targets : [])].find((name) => !(name in this.#specs));
    if (missing)
      throw new StateError(`compile: the samples of "${missing}" are not known: state their shape in shapes`);
    if (fit > 0) await (await this.#trainingPrograms()).for(fit);
    if (evaluate > 0) await this.#evaluationPrograms().for(evaluate);
    if (predict > 0) await this.#predictor.compile([predict]);
  }

  /**
   * Loss and metrics over all samples, with the model in evaluation. May be called while a training runs.
   * @param data as for `fit`.
   */
  async evaluate(data: Data, options: EvaluateOptions = {}): Promise<Logs<M>> {
    const { batchSize } = optionsOf("evaluate", options, { batchSize: 256 });
    checkWhole("evaluate", "batchSize", batchSize);
    this.#check("evaluate");
    const open = () => this.#open("evaluate", data);
    return (await this.#measure("evaluate", open, batchSize)) as unknown as Logs<M>;
  }

  /**
   * Predicts, with the model in evaluation, for any number of samples. Calls may overlap: each gets its own rows, and small
   * ones share runs.
   * @param x samples `{ data, shape: [n, …] }`, or their data where the shape of a sample is known from a training or
   * from `shapes`. For several inputs an object of these.
   * @returns `{ data, shape: [n, …] }`, or an object of these if the model returns one.
   */
  async predict(x: ArrayData, options?: PredictOptions): Promise<Prediction>;
  async predict(
    x: Readonly<Record<string, ArrayData>>,
    options?: PredictOptions,
  ): Promise<Prediction & Record<string, Prediction>>;
  async predict(x: ArrayData | Readonly<Record<string, ArrayData>>, options: PredictOptions = {}): Promise<unknown> {
    this.#check("predict");
    return this.#predictor.predict(x, options);
  }

  /**
   * The whole state as a safetensors file: weights, moments, counts, random keys, the position in the data and the
   * history. During a training it is taken between two steps. A training that loads it continues bit for bit.
   */
  async save(): Promise<Uint8Array<ArrayBuffer>> {
    this.#check("save");
    // Few pages save or load, so this part comes on demand.
    const { saveState, statesOf } = await import("./state.ts");
    const copy = async () => {
      const run = this.#run;
      const specs = this.#training && this.#specs;
      // Both copies are queued on the GPU before anything else can run there.
      const position = run ? run.snapshot() : this.#position;
      const states = new Map([...this.#states, ...statesOf(this.#callbacks)]);
      const about = { version: 1, ...(specs && { specs }) } as const;
      return { bytes: saveState(this.#recipe, this.#training, states, about, position) };
    };
    // Before its first step, a training waits for data, and does not come to the gate.
    const { bytes } = this.#run ? await this.#gate.between(copy) : await copy();
    return bytes;
  }

  /**
   * Loads what `save` returned. `fit` with `resume: true` then goes on from there. A trainer without loss or optimizer
   * takes only what it predicts with: the weights and their averages.
   * @param name of the file in errors.
   * @throws FormatError for a file that does not fit; nothing has changed then. StateError while a training runs.
   */
  async load(bytes: Bytes, name = "checkpoint"): Promise<void> {
    const [{ describeFor, loadState, readAbout }, { checkFit }] = await Promise.all([
      import("./state.ts"),
      import("./about.ts"),
    ]);
    this.#check("load");
    if (this.#isFitting) throw new StateError("load: a training is running");
    const about = readAbout(bytes, name);
    const { specs, position, states } = about;
    checkFit(about, this.#recipe, this.#specs, name);
    const trains = this.#recipe.hasLoss && this.#recipe.optimizer !== undefined;
    let programs = this.#training;
    if (specs && trains && !programs) {
      programs = trainingPrograms(this.#recipe, { ...specs, ...this.#specs }, this.#going);
      describeFor(this.#recipe, programs, position?.size || 1, bytes, name);
    }
    loadState(this.#recipe, specs ? programs : undefined, bytes, name, trains);
    if (specs) this.#learn(specs);
    if (!trains) return;
    if (programs !== this.#training) this.#frozen = this.#frozenNow();
    this.#training = programs;
    this.#position = position;
    this.#states = states;
    this.#callbacks = [];
  }

  /** Holds the training after the current step. @returns once it stands. */
  pause(): Promise<void> {
    return this.#gate.pause();
  }

  /** Lets a paused training go on. */
  resume(): void {
    this.#gate.resume();
  }

  /** Frees the trainer's programs. The model and the optimizer's state stay in the engine. @throws StateError during `fit`. */
  async destroy(): Promise<void> {
    if (this.#isFitting) throw new StateError("destroy: a training is running: stop it first");
    if (this.#destroyed) return;
    this.#destroyed = true;
    await this.#predictor.destroy();
    const own = [
      this.#going,
      ...((await this.#training?.destroy()) ?? []),
      ...((await this.#evaluation?.destroy()) ?? []),
    ];
    this.#free(own);
  }

  #free(own: readonly Variable[]): void {
    this.engine.free(new Map(own.map((variable, i) => [String(i), variable])));
  }

  #check(call: string): void {
    if (this.#destroyed) throw new StateError(`${call}: the trainer has been destroyed`);
  }

  /** Opens data and learns from it what samples are. */
  async #open(op: string, data: Data, reading: Reading = {}): Promise<Stream> {
    const { inputs, targets } = this.#recipe;
    const stream = await open(op, data, { names: [...inputs, ...targets], specs: this.#specs }, reading);
    this.#learn(stream.specs);
    return stream;
  }

  #learn(specs: Specs): void {
    this.#specs = { ...specs, ...this.#specs };
    this.#predictor.expect(this.#specs);
  }

  /** Made again where other variables are frozen now, unless a training runs. The optimizer keeps its state. */
  async #trainingPrograms(): Promise<Programs> {
    const frozen = this.#frozenNow();
    const old = this.#training;
    if (old && (frozen === this.#frozen || this.#run)) return old;
    this.#frozen = frozen;
    this.#training = trainingPrograms(this.#recipe, this.#specs, this.#going);
    if (old) this.#free(await old.destroy());
    return this.#training;
  }

  #frozenNow(): string {
    return [...this.variables].flatMap(([name, variable]) => (variable.frozen ? name : [])).join();
  }

  #evaluationPrograms(): Programs {
    this.#evaluation ??= evaluationPrograms(this.#recipe, this.#specs);
    return this.#evaluation;
  }

  /** The position from which a training starts. */
  #begin(resume: boolean, order: Position["order"]): Position {
    const known = resume ? this.#position : undefined;
    if (known) {
      const changed = (Object.keys(order) as (keyof typeof order)[]).find((name) => known.order[name] !== order[name]);
      if (changed)
        throw new AttributeError(
          `fit: ${changed} is ${order[changed]}, but the training to resume has ${known.order[changed]}`,
        );
    }
    this.#position = known ?? start(order);
    return this.#position;
  }

  /** The history of a training that was aborted before its data arrived. */
  #unbegun(resume: boolean): History<M> {
    const history: History = (resume && this.#position?.history) || { epochs: [], steps: [], gradients: [] };
    history.stopped = "aborted";
    return history as unknown as History<M>;
  }

  #measure(
    op: string,
    open: () => Promise<Stream>,
    batchSize: number,
    over?: () => boolean,
    signal?: AbortSignal,
  ): Promise<Record<string, number>> {
    const next = async () => {
      const stream = await open();
      try {
        return await measure(
          op,
          this.#evaluationPrograms(),
          new Columns(this.#recipe.metrics),
          stream,
          batchSize,
          over,
          signal,
        );
      } finally {
        await stream.close();
      }
    };
    const measured = this.#measuring.then(next);
    this.#measuring = measured.catch(() => {});
    return measured;
  }
}
