import type { Mnist } from "../../../src/datasets/index.ts";
import { type Engine, io } from "../../../src/index.ts";
import { normalized } from "../dataset.ts";
import { type Classification, compileClassification, createNetwork, type Network } from "../network.ts";
import { type Examination, meanLoss, type Tally, Trainer } from "../trainer.ts";
import { breathe } from "./turns.ts";

const settings = { batchSize: 64, seed: 1, lr: 1e-3 };

/** Epochs per press of the button: later ones improve little and cost energy. */
const leg = 10;

/** Images between two points of the loss curve. */
const pointEvery = 10 * settings.batchSize;

/** Images until the next evaluation: soon at first, when much changes, later every half epoch. */
const nextExamination = (seen: number): number => seen + Math.min(30_000, Math.max(2_000, seen * 0.6));

/**
 * `busy`: for a short time nothing can start, while weights are reset or evaluated. `lost`: the GPU is gone for good.
 */
export type State = "idle" | "training" | "paused" | "done" | "busy" | "lost";

/** A point of the loss curve. */
export interface Point {
  /** Epochs since the first step, as a fraction. */
  readonly epochs: number;
  /** Mean over the images since the last point. */
  readonly loss: number;
  readonly imagesPerSecond: number;
}

/** Callbacks of a page. */
export interface Listener {
  state(session: Session): void;
  loss(session: Session, point: Point): void;
  examined(session: Session, examination: Examination): void;
  /** The GPU failed or the loss is not finite: training has ended. */
  failed(error: Error): void;
}

interface Parts {
  readonly engine: Engine;
  readonly mnist: Mnist;
  readonly network: Network;
  readonly trainer: Trainer;
  readonly classification: Classification;
  readonly listener: Listener;
}

/** A network in training that a page can pause, reset, query, save and load. */
export class Session {
  readonly #parts: Parts;
  #state: State = "idle";
  #epoch = 0;
  #goal = 0;
  /** Images of this epoch trained on so far. */
  #images = 0;
  #steps: AsyncGenerator<number, void> | undefined;
  #examineAt = nextExamination(0);
  #loop: Promise<void> = Promise.resolve();
  #report: Promise<void> = Promise.resolve();
  #tally: Tally | undefined;
  /** Start of the speed measurement, which excludes pauses and evaluations. */
  #mark: { readonly epochs: number; readonly time: number } | undefined;
  #imagesPerSecond = 0;

  static async open(engine: Engine, mnist: Mnist, listener: Listener): Promise<Session> {
    const network = createNetwork(settings);
    const trainer = await Trainer.create(engine, network, mnist.train, settings);
    const classification = await compileClassification(engine, network);
    return new Session({ engine, mnist, network, trainer, classification, listener });
  }

  private constructor(parts: Parts) {
    this.#parts = parts;
    parts.engine.device.lost.then(() => this.#become("lost"));
  }

  get state(): State {
    return this.#state;
  }

  /** Bytes on the GPU, known before the first step. */
  get memory(): number {
    const { total, variables } = this.#parts.classification.memory;
    return this.#parts.trainer.memory.total + total - variables;
  }

  /** Number of weights. */
  get parameters(): number {
    return [...this.#parts.network.weights.values()].reduce((sum, { size }) => sum + size, 0);
  }

  /** Epochs since the first step, as a fraction. */
  get epochs(): number {
    return this.#epoch + this.#images / this.#n;
  }

  /** The epoch after which training stops by itself. */
  get goal(): number {
    return this.#goal;
  }

  start(): void {
    if (["training", "busy", "lost"].includes(this.#state)) return;
    if (this.#state !== "paused") this.#goal = this.#epoch + leg;
    this.#become("training");
    this.#loop = this.#loop.then(() => this.#train()).catch((error: unknown) => this.#fail(error as Error));
  }

  pause(): void {
    if (this.#state === "training") this.#become("paused");
  }

  /** Restores the initial weights, as if nothing had been learned. */
  reset(): Promise<void> {
    const { engine, network } = this.#parts;
    return this.#alone("idle", async () => {
      for (const variable of [...network.weights.values(), ...network.optimizer.state(network.weights).values()]) {
        engine.write(variable, variable.initial);
      }
      this.#steps = undefined;
      this.#tally = undefined;
      this.#epoch = this.#goal = this.#images = 0;
      this.#examineAt = nextExamination(0);
    });
  }

  /** The probability of each digit for an image of 784 bytes. Training continues meanwhile. */
  async classify(image: Uint8Array): Promise<Float32Array> {
    const { classification } = this.#parts;
    return (await classification.compute({ x: normalized(image) })).probabilities;
  }

  /** The weights as a safetensors file. */
  save(): Promise<Uint8Array<ArrayBuffer>> {
    return io.saveSafetensors(this.#parts.engine, this.#parts.network.weights, { format: "pt" });
  }

  /**
   * Loads the weights of a safetensors file and evaluates them.
   * @throws FormatError when the file does not fit; nothing has changed then.
   */
  load(bytes: Uint8Array, name: string): Promise<void> {
    return this.#alone("paused", async () => {
      io.loadSafetensors(this.#parts.engine, this.#parts.network.weights, bytes, { name });
      await this.#examine();
    });
  }

  get #n(): number {
    return this.#parts.mnist.train.y.data.length;
  }

  /** Runs exclusive work once the last step has been submitted. */
  async #alone(after: State, work: () => Promise<void>): Promise<void> {
    if (this.#state === "busy" || this.#state === "lost") return;
    const before = this.#state === "training" ? "paused" : this.#state;
    this.#become("busy");
    await this.#loop;
    await this.#report;
    try {
      await work();
      this.#become(before === "idle" ? "idle" : after);
    } catch (error) {
      this.#become(before);
      throw error;
    }
  }

  async #train(): Promise<void> {
    this.#mark = undefined;
    while (this.#state === "training") {
      this.#steps ??= this.#parts.trainer.epoch(this.#epoch);
      const step = await this.#steps.next();
      if (step.done) {
        this.#steps = undefined;
        this.#epoch++;
        this.#images = 0;
      } else {
        this.#images = step.value;
        // Not awaited: training continues while the number is read.
        if (step.value % pointEvery === 0) this.#report = this.#tell();
      }
      const seen = this.epochs * this.#n;
      const isDone = this.#epoch >= this.#goal;
      if (seen >= this.#examineAt || isDone) {
        this.#examineAt = nextExamination(seen);
        await this.#examine();
        this.#mark = undefined;
      }
      if (isDone && this.#state === "training") this.#become("done");
      await breathe();
    }
  }

  /** Reports the mean loss since the last report. */
  async #tell(): Promise<void> {
    try {
      const epochs = this.epochs;
      const tally = await this.#parts.trainer.tally();
      const loss = meanLoss(tally, this.#tally);
      this.#tally = tally;
      if (!Number.isFinite(loss)) throw new Error("the loss is not finite; press Reset to start over");
      const time = performance.now();
      if (this.#mark) {
        const speed = (1000 * this.#n * (epochs - this.#mark.epochs)) / (time - this.#mark.time);
        this.#imagesPerSecond += (this.#imagesPerSecond ? 0.15 : 1) * (speed - this.#imagesPerSecond);
      }
      this.#mark = { epochs, time };
      this.#parts.listener.loss(this, { epochs, loss, imagesPerSecond: this.#imagesPerSecond });
    } catch (error) {
      this.#fail(error as Error);
    }
  }

  async #examine(): Promise<void> {
    const { trainer, mnist, listener } = this.#parts;
    listener.examined(this, await trainer.evaluate(mnist.test, breathe));
  }

  #become(state: State): void {
    if (this.#state === "lost") return;
    this.#state = state;
    this.#parts.listener.state(this);
  }

  #fail(error: Error): void {
    this.pause();
    this.#parts.listener.failed(error);
  }
}
