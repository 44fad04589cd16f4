import type { Digits } from "../../../src/datasets/index.ts";
import { metrics } from "../../../src/index.ts";
import type { Progress } from "../../../src/train/index.ts";
import { moved, type RemoteTrainer } from "../../../src/worker/index.ts";
import { classes } from "../dataset.ts";
import { type Examination, meanLoss, type Tally } from "./examination.ts";
import type training from "./training.worker.ts";

/** Epochs per press of the button: later ones improve little and cost energy. */
const leg = 10;

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

type Remote = RemoteTrainer<typeof training>;

interface Parts {
  readonly remote: Remote;
  readonly facts: Awaited<ReturnType<Remote["methods"]["facts"]>>;
  readonly test: Digits;
  readonly listener: Listener;
}

/** A training in a worker that a page can pause, reset, query, save and load. */
export class Session {
  readonly #parts: Parts;
  #state: State = "idle";
  #goal = 0;
  /** The training under way, and what ends it. */
  #run: { readonly over: Promise<void>; readonly stop: AbortController } | undefined;
  #tally: Tally = { epoch: 0, images: 0, loss: 0 };
  #examineAt = nextExamination(0);
  #examining: Promise<void> | undefined;

  static async open(remote: Remote, test: Digits, listener: Listener): Promise<Session> {
    return new Session({ remote, test, listener, facts: await remote.methods.facts() });
  }

  private constructor(parts: Parts) {
    this.#parts = parts;
    void parts.remote.lost.then(() => this.#become("lost"));
  }

  get state(): State {
    return this.#state;
  }

  /** Bytes on the GPU. */
  get memory(): number {
    return this.#parts.facts.memory;
  }

  /** Number of weights. */
  get parameters(): number {
    return this.#parts.facts.parameters;
  }

  /** Epochs since the first step, as a fraction. */
  get epochs(): number {
    return this.#tally.epoch + this.#tally.images / this.#parts.facts.images;
  }

  /** The epoch after which training stops by itself. */
  get goal(): number {
    return this.#goal;
  }

  start(): void {
    if (["training", "busy", "lost"].includes(this.#state)) return;
    const goesOn = this.#run !== undefined;
    if (this.#state !== "paused") this.#goal = Math.floor(this.epochs) + leg;
    this.#become("training");
    if (goesOn) void this.#parts.remote.resume().catch((error) => this.#fail(error));
    else this.#run = this.#train();
  }

  pause(): void {
    if (this.#state !== "training") return;
    this.#become("paused");
    void this.#parts.remote.pause().catch((error) => this.#fail(error));
  }

  /** Restores the initial weights, as if nothing had been learned. */
  reset(): Promise<void> {
    return this.#alone("idle", async () => {
      this.#run?.stop.abort();
      await this.#run?.over;
      await this.#parts.remote.methods.reset();
      this.#tally = { epoch: 0, images: 0, loss: 0 };
      this.#goal = 0;
      this.#examineAt = nextExamination(0);
    });
  }

  /** The probability of each digit for an image of 784 bytes. Training continues meanwhile. */
  classify(image: Uint8Array): Promise<Float32Array> {
    return this.#parts.remote.methods.classify(image);
  }

  /** The weights as a safetensors file. */
  save(): Promise<Uint8Array<ArrayBuffer>> {
    return this.#parts.remote.methods.save();
  }

  /**
   * Loads the weights of a safetensors file and evaluates them.
   * @throws FormatError when the file does not fit; nothing has changed then.
   */
  load(bytes: Uint8Array, name: string): Promise<void> {
    return this.#alone("paused", async () => {
      await this.#parts.remote.methods.load(moved(bytes), name);
      await this.#show();
    });
  }

  /** Runs exclusive work while the training stands. */
  async #alone(after: State, work: () => Promise<void>): Promise<void> {
    if (this.#state === "busy" || this.#state === "lost") return;
    const before = this.#state === "training" ? "paused" : this.#state;
    this.#become("busy");
    try {
      if (this.#run) await this.#parts.remote.pause();
      await this.#examining;
      await work();
      this.#become(before === "idle" ? "idle" : after);
    } catch (error) {
      this.#become(before);
      throw error;
    }
  }

  #train() {
    const { remote, facts } = this.#parts;
    const stop = new AbortController();
    const train = async (): Promise<void> => {
      try {
        const { stopped } = await remote.fit("train", {
          epochs: this.#goal,
          batchSize: facts.batchSize,
          seed: 1,
          resume: this.epochs > 0,
          progressEvery: 100,
          signal: stop.signal,
          // In a worker nothing disturbs the page; in the page itself, training must leave it some time.
          budget: remote.where === "worker" ? 1 : 0.8,
          onProgress: (progress) => this.#progress(progress),
        });
        if (stopped) return;
        this.#run = undefined;
        this.#tally = { epoch: this.#goal, images: 0, loss: 0 };
        await this.#examining;
        await this.#show();
        this.#become("done");
      } catch (error) {
        this.#fail(error as Error);
      } finally {
        this.#run = undefined;
      }
    };
    return { stop, over: train() };
  }

  #progress({ epoch, samples, logs, samplesPerSecond }: Progress<never>): void {
    const tally = { epoch: epoch - 1, images: samples, loss: logs.loss * samples };
    const loss = meanLoss(tally, this.#tally);
    this.#tally = tally;
    if (this.#state !== "training") return;
    if (Number.isFinite(loss))
      this.#parts.listener.loss(this, { epochs: this.epochs, loss, imagesPerSecond: samplesPerSecond });
    const seen = this.epochs * this.#parts.facts.images;
    if (seen < this.#examineAt || this.#examining) return;
    this.#examineAt = nextExamination(seen);
    this.#examining = this.#examine().finally(() => {
      this.#examining = undefined;
    });
  }

  /** Evaluates the network while the training stands: all answers are of the same weights. */
  async #examine(): Promise<void> {
    const { remote } = this.#parts;
    try {
      await remote.pause();
      await this.#show();
      if (this.#state === "training") await remote.resume();
    } catch (error) {
      this.#fail(error as Error);
    }
  }

  async #show(): Promise<void> {
    const { remote, test, listener } = this.#parts;
    const predicted = await remote.methods.examine();
    const confusion = new metrics.ConfusionMatrix(classes).add(predicted, test.y.data);
    listener.examined(this, { predicted, confusion });
  }

  #become(state: State): void {
    if (this.#state === "lost") return;
    this.#state = state;
    this.#parts.listener.state(this);
  }

  #fail(error: Error): void {
    if (this.#state === "training") this.#become("paused");
    this.#parts.listener.failed(error);
  }
}
