import type { Bytes } from "../data/bytes.ts";
import { checkWhole, optionsOf, StateError } from "../errors.ts";
import type { Variable } from "../graph/tensor.ts";
import type { Engine } from "../runtime/engine.ts";
import { type Callback, type CallbackState, restore } from "./callbacks.ts";
import { Compiled, type CompileOptions } from "./compiled.ts";
import { diagnose } from "./diagnose.ts";
import { Evaluations } from "./evaluate.ts";
import { Run } from "./fit.ts";
import { Gate } from "./gate.ts";
import type { History, Logs } from "./history.ts";
import { mistakes, weighing } from "./loaded.ts";
import { type CheckedFitOptions, type FitOptions, fitOptions } from "./options.ts";
import type { Submitted } from "./parts.ts";
import { type Position, start } from "./position.ts";
import { type Prediction, type PredictOptions, Predictor } from "./predictor.ts";
import { trainingPrograms } from "./programs.ts";
import { type Recipe, recipeOf, type TrainerOptions } from "./recipe.ts";
import { Rewind } from "./rewind.ts";
import type { ArrayData } from "./specs.ts";
import type { Data, Stream } from "./stream.ts";
import { Columns } from "./tally.ts";

/** How `evaluate` runs. */
export interface EvaluateOptions {
  /** Samples per batch; default 256. */
  readonly batchSize?: number;
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
  readonly #compiled: Compiled;
  readonly #evaluations: Evaluations;
  #position: Position | undefined;
  #run: Run | undefined;
  #isFitting = false;
  /** Callbacks of the last training, and their states in a loaded file: both belong to the state. */
  #callbacks: readonly Callback[] = [];
  #states: ReadonlyMap<string, CallbackState> = new Map();
  #destroyed = false;

  /** @throws AttributeError for unfit options. */
  constructor(options: TrainerOptions<M>) {
    this.#recipe = recipeOf("Trainer", options as TrainerOptions);
    this.#predictor = new Predictor(this.#recipe);
    this.#compiled = new Compiled(this.#recipe, this.#predictor);
    this.#evaluations = new Evaluations(this.#compiled, new Columns(this.#recipe.metrics));
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
    return this.#compiled.memory;
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
    const all = await checked(options);
    this.#check("fit");
    if (this.#isFitting) throw new StateError("fit: a training is running: await it, or stop it with its signal");
    this.#isFitting = true;
    this.#gate.begin();
    let stream: Stream | undefined;
    let rewind: Rewind | undefined;
    try {
      if (all.callbacks.length > 0) (await mistakes()).checkEvents("fit", all.callbacks);
      stream = await this.#open(data, all);
      if (!stream) return this.#unbegun(all.resume);
      rewind = new Rewind(this.engine, all.callbacks, stream);
      return (await this.#train(all, stream, rewind)) as unknown as History<M>;
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

  /** Opens the samples of a training; `undefined` where the signal comes before the first one. */
  async #open(data: Data, options: CheckedFitOptions): Promise<Stream | undefined> {
    const { shuffle, seed, signal, resume, stepsPerEpoch } = options;
    const epochs = stepsPerEpoch === undefined ? options.epochs : 1;
    const from = resume ? (this.#position?.epoch ?? 0) : 0;
    try {
      return await this.#compiled.open("fit", data, { shuffle, seed, epochs, from, signal });
    } catch (error) {
      if (signal?.aborted && error === signal.reason) return undefined;
      throw error;
    }
  }

  /** The history of a training that was aborted before its data arrived. */
  #unbegun(resume: boolean): History<M> {
    const history: History = (resume && this.#position?.history) || { epochs: [], steps: [], gradients: [] };
    history.stopped = "aborted";
    return history as unknown as History<M>;
  }

  /** Trains to the end, also over losses of the device if the engine recovers from them. */
  async #train(options: CheckedFitOptions, stream: Stream, rewind: Rewind): Promise<History> {
    const { shuffle, seed, dropLast, resume, callbacks, signal, classWeight } = options;
    const { targets } = this.#recipe;
    const validate = await this.#evaluations.validation(options);
    const batchSize = options.batchSize ?? (stream.samples === undefined && stream.first > 1 ? stream.first : 32);
    this.#position = await start(resume ? this.#position : undefined, { batchSize, shuffle, seed, dropLast });
    const programs = await this.#compiled.toTrain(false);
    if (resume) restore(callbacks, this.#states);
    this.#callbacks = callbacks;
    this.#states = new Map();
    const parts = {
      recipe: this.#recipe,
      options: { ...options, batchSize },
      programs,
      stream,
      classWeight: classWeight && (await weighing()).classWeightOf("fit", classWeight, targets[0]!, stream.specs),
      gate: this.#gate,
      rewind,
      validate,
      save: () => this.save(),
      diagnose: (step: Submitted, loss: number) => {
        const skip = stream.once ? undefined : step.batch * batchSize;
        return diagnose(this.#recipe, stream, step, skip, loss);
      },
    };
    for (let again = false; ; again = true) {
      try {
        if (!again) await rewind.settle(this.#position);
        this.engine.write(this.#compiled.going, 1);
        programs.ring.clear();
        this.#run = new Run({ ...parts, position: this.#position, again });
        const history = await this.#run.go();
        await rewind.settle(this.#position);
        return history;
      } catch (error) {
        const back = await rewind.to(error, signal);
        if (!back) throw error;
        this.#position = back;
      }
    }
  }

  /**
   * Compiles programs ahead of time, so that the first step and the first answer come at once, and `memory` is known.
   * @param options `fit`, `evaluate` and `predict`: numbers of samples per batch; default none.
   * @throws StateError while it is not known what samples are: state `shapes`, or load a training.
   */
  async compile(options: CompileOptions): Promise<void> {
    this.#check("compile");
    await this.#compiled.compile(options, this.#run !== undefined);
  }

  /**
   * Loss and metrics over all samples, with the model in evaluation. May be called while a training runs.
   * @param data as for `fit`.
   */
  async evaluate(data: Data, options: EvaluateOptions = {}): Promise<Logs<M>> {
    const { batchSize } = optionsOf("evaluate", options, { batchSize: 256 });
    checkWhole("evaluate", "batchSize", batchSize);
    this.#check("evaluate");
    const open = () => this.#compiled.open("evaluate", data);
    return (await this.#evaluations.measure("evaluate", open, batchSize)) as unknown as Logs<M>;
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
      const { training, specs } = this.#compiled;
      // Both copies are queued on the GPU before anything else can run there.
      const position = run ? run.snapshot() : this.#position;
      const states = new Map([...this.#states, ...statesOf(this.#callbacks)]);
      const about = { version: 1, ...(training && { specs }) } as const;
      return { bytes: saveState(this.#recipe, training, states, about, position) };
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
    const compiled = this.#compiled;
    checkFit(about, this.#recipe, compiled.specs, name);
    const trains = this.#recipe.hasLoss && this.#recipe.optimizer !== undefined;
    let programs = compiled.training;
    if (specs && trains && !programs) {
      programs = trainingPrograms(this.#recipe, { ...specs, ...compiled.specs }, compiled.going);
      describeFor(this.#recipe, programs, position?.size || 1, bytes, name);
    }
    loadState(this.#recipe, specs ? programs : undefined, bytes, name, trains);
    if (specs) compiled.learn(specs);
    if (!trains) return;
    compiled.keep(programs);
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
    await this.#compiled.destroy();
  }

  #check(call: string): void {
    if (this.#destroyed) throw new StateError(`${call}: the trainer has been destroyed`);
  }
}

/** Checks the options of `fit`; explains an argument that is no options. */
async function checked(options: FitOptions): Promise<CheckedFitOptions> {
  try {
    return fitOptions(options);
  } catch (error) {
    throw (await mistakes()).explainOptions(error, options);
  }
}
