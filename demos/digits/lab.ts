import { permutation } from "../../src/data/random.ts";
import type { Engine, Recording, Variable } from "../../src/index.ts";
import type { CompilerError } from "../../src/kernels/call.ts";
import { type Course, examSize } from "./course.ts";
import { type Digits, inputOf, joined } from "./images.ts";
import type { About } from "./keeping.ts";
import { type Answers, examined, Learner, type Score } from "./learner.ts";
import { load } from "./loading.ts";
import { packs } from "./packs.ts";
import { batchSize, type NetworkName, needsAll, networksOf, type Settings, stepsPerEpoch } from "./settings.ts";
import type { Chosen, Replacement, StepKernel } from "./stepKernels.ts";

/** Scores of a network after some steps: of the images it trained on since the last ones, and of test images. */
export interface Scores {
  readonly training: Score;
  readonly test: Score;
}

/** What networks say of test images, from the first on. */
export type Exam = Readonly<Partial<Record<NetworkName, Omit<Answers, "loss"> & Scores>>>;

/** Trains the networks of the page and looks into them: in a worker. */
export class Lab {
  readonly #engine: Engine;
  readonly #base: string;
  readonly #arrived: (share: number) => void;
  #digits: Promise<Digits> | undefined;
  #all: Promise<Digits> | undefined;
  #settings!: Settings;
  #learners: readonly Learner[] = [];
  #step = 0;
  #replacement: Replacement | undefined;

  /** @param base address of the page. @param arrived is called with the share of the images that has arrived. */
  constructor(engine: Engine, base: string, arrived: (share: number) => void) {
    this.#engine = engine;
    this.#base = base;
    this.#arrived = arrived;
  }

  /** The images of some settings, which load once. */
  digits(settings = this.#settings): Promise<Digits> {
    this.#digits ??= load(packs.first, this.#base, this.#arrived);
    if (!needsAll(settings)) return this.#digits;
    this.#all ??= Promise.all([this.#digits, load(packs.rest, this.#base, this.#arrived)]).then(joined);
    return this.#all;
  }

  /** Starts over: makes the networks of some settings, and frees the last ones. */
  async configure(settings: Settings): Promise<void> {
    for (const learner of this.#learners) await learner.destroy();
    this.#learners = [];
    this.#settings = settings;
    this.#step = 0;
    const made = Promise.all(networksOf(settings).map((name) => Learner.create(this.#engine, name, settings)));
    [this.#learners] = await Promise.all([made, this.digits()]);
    if (this.#replacement) await this.#learner(this.#replacement.network)?.replace(this.#replacement);
  }

  #learner(name: NetworkName): Learner | undefined {
    return this.#learners.find(({ network }) => network.name === name);
  }

  /**
   * Goes on with another kernel in the training step, or with tilegrad's own. If it does not compile, nothing changes.
   * @throws DeviceError with line and column.
   */
  async replace(replacement: Replacement | undefined): Promise<void> {
    const before = this.#replacement;
    if (replacement) await this.#learner(replacement.network)?.replace(replacement);
    if (before && before.network !== replacement?.network) await this.#learner(before.network)?.replace(undefined);
    this.#replacement = replacement;
  }

  /** The kernels of a network's training step. @param forced a family, and its variant. */
  async kernels(name: NetworkName, forced?: Pick<Chosen, "family" | "variant">): Promise<readonly StepKernel[]> {
    return (await this.#learner(name)?.kernels(forced)) ?? [];
  }

  /** The compiler's errors in a text. */
  async errors(wgsl: string): Promise<readonly CompilerError[]> {
    return (await import("../parts/compilerErrors.ts")).compilerErrors(this.#engine.device, wgsl);
  }

  /** Trains for some steps: all networks on the same batches. @returns steps since the start, once the GPU has taken them. */
  async advance(steps: number): Promise<number> {
    for (let i = 0; i < steps; i++) {
      const { x, y } = await this.#batch();
      for (const learner of this.#learners) await learner.train(x, y);
      this.#step++;
    }
    await Promise.all(this.#learners.map((learner) => learner.score()));
    return this.#step;
  }

  /** Records what the next step does in the first network. The training does not change. */
  async record(): Promise<Recording> {
    const { x, y } = await this.#batch();
    return this.#learners[0]!.record(x, y, this.#step);
  }

  /** What the next step learns from. */
  async #batch() {
    const { train } = await this.digits();
    const perEpoch = stepsPerEpoch(this.#settings);
    const order = this.#orderOf(Math.floor(this.#step / perEpoch));
    const from = (this.#step % perEpoch) * batchSize;
    const batch = order.subarray(from, from + batchSize);
    return { x: inputOf(train, batch), y: Int32Array.from(batch, (index) => train.labels[index]!) };
  }

  #order: { readonly of: string; readonly order: Uint32Array } | undefined;

  /** The order of the images in an epoch. */
  #orderOf(epoch: number): Uint32Array {
    const { images, seed } = this.#settings;
    const of = `${images} ${seed} ${epoch}`;
    if (this.#order?.of !== of) this.#order = { of, order: permutation(images, seed, epoch) };
    return this.#order.order;
  }

  /**
   * Scores of the steps since the last ones, and answers for the first test images, or all.
   * @param endsScore whether the steps from now on have a score of their own.
   */
  async examine(endsScore: boolean): Promise<Exam> {
    const { test } = await this.digits();
    const count = examSize(this.#step, test.count);
    const exams = this.#learners.map(async (learner) => {
      const training = await learner.score();
      if (endsScore) learner.restart();
      const guesses = new Uint8Array(count);
      const confidence = new Float32Array(count);
      let loss = 0;
      for (let from = 0; from < count; from += examined) {
        const part = await learner.examine(test, from);
        guesses.set(part.guesses, from);
        confidence.set(part.confidence, from);
        loss += part.loss;
      }
      const right = guesses.filter((guess, i) => guess === test.labels[i]).length;
      const scores = { loss: loss / count, accuracy: right / count };
      return [learner.network.name, { guesses, confidence, training: training ?? scores, test: scores }] as const;
    });
    return Object.fromEntries(await Promise.all(exams));
  }

  /** The training as one file. @param course its scores so far. */
  async save(course: Course): Promise<Uint8Array<ArrayBuffer>> {
    const about = { settings: this.#settings, step: this.#step, course };
    return (await import("./keeping.ts")).written(this.#engine, this.#state, about);
  }

  /** A network as an ONNX model. */
  async export(name: NetworkName): Promise<Uint8Array<ArrayBuffer>> {
    return (await import("./exporting.ts")).exported(this.#engine, this.#learner(name)!.network);
  }

  /** Keeps the training in this browser. */
  async keep(course: Course): Promise<void> {
    const [{ keep }, bytes] = await Promise.all([import("./keeping.ts"), this.save(course)]);
    await keep(bytes);
  }

  /**
   * Goes on with the training of a file, or with the one that this browser keeps.
   * @returns what the file says of it; undefined if the browser keeps none.
   */
  async open(bytes?: Uint8Array, name = "the training that this browser keeps"): Promise<About | undefined> {
    const keeping = await import("./keeping.ts");
    const content = bytes ?? (await keeping.kept());
    if (!content) return undefined;
    const about = keeping.aboutOf(content, name);
    await this.configure(about.settings);
    keeping.fill(this.#engine, this.#state, content, name);
    this.#step = about.step;
    for (const learner of this.#learners) learner.resume(about.step - (about.course.steps.at(-1) ?? 0));
    return about;
  }

  get #state(): Map<string, Variable> {
    return new Map(this.#learners.flatMap((learner) => [...learner.state]));
  }

  /** Everything in the networks for an image of 784 bytes. */
  look(image: Uint8Array) {
    const x = inputOf({ pixels: image as Uint8Array<ArrayBuffer> }, [0]);
    return Promise.all(this.#learners.map((learner) => learner.look(x)));
  }
}
