import type { Digits } from "../../src/datasets/index.ts";
import { data, type Engine, metrics, type Program } from "../../src/index.ts";
import { classes, normalized, pixels } from "./dataset.ts";
import { compileEvaluation, compileTraining, type Evaluation, type Network } from "./network.ts";

export interface TrainerOptions {
  readonly batchSize: number;
  /** Determines the order of the images; each epoch has its own. */
  readonly seed: number;
}

/** Progress of an epoch. */
export interface Tally {
  readonly epoch: number;
  /** Images of the epoch trained on so far. */
  readonly images: number;
  /** Sum of their losses. */
  readonly loss: number;
}

/** Mean loss of the images between two tallies, or since the beginning of the epoch. */
export function meanLoss(now: Tally, before?: Tally): number {
  const { images, loss } = before?.epoch === now.epoch ? before : { images: 0, loss: 0 };
  return (now.loss - loss) / (now.images - images);
}

/** The network's predictions for some digits. */
export interface Examination {
  readonly predicted: Int32Array;
  readonly confusion: metrics.ConfusionMatrix;
}

/** Images per evaluation batch. */
const evaluationBatch = 500;

interface Parts extends TrainerOptions {
  readonly engine: Engine;
  readonly network: Network;
  readonly digits: Digits;
  /** One per batch size: the last batch of an epoch may be smaller. */
  readonly steps: ReadonlyMap<number, Program>;
  readonly evaluation: Evaluation;
}

/** Trains a network on digits and evaluates it. The caller decides when. */
export class Trainer {
  readonly #parts: Parts;
  #progress = { epoch: 0, images: 0 };

  /** Compiles all programs, without running them. */
  static async create(engine: Engine, network: Network, digits: Digits, options: TrainerOptions): Promise<Trainer> {
    const n = data.datasetSize(digits);
    const sizes = [n >= options.batchSize ? options.batchSize : 0, n % options.batchSize].filter((size) => size > 0);
    const steps = new Map<number, Program>();
    // One after the other: the first lays out the variables that all share.
    for (const size of sizes) steps.set(size, await compileTraining(engine, network, size));
    const evaluation = await compileEvaluation(engine, network, evaluationBatch);
    return new Trainer({ engine, network, digits, steps, evaluation, ...options });
  }

  private constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** Bytes on the GPU for all programs, known before the first step. Counts shared memory once. */
  get memory(): { readonly variables: number; readonly total: number } {
    const programs = [...this.#parts.steps.values(), this.#parts.evaluation].map(({ memory }) => memory);
    const variables = Math.max(...programs.map((memory) => memory.variables));
    const own = programs.reduce((sum, memory) => sum + memory.total - memory.variables, 0);
    return { variables, total: variables + own };
  }

  /** Trains on every image once, in the epoch's own order. Yields the number of images so far after each step. */
  async *epoch(epoch: number): AsyncGenerator<number, void> {
    const { engine, network, digits, steps, batchSize, seed } = this.#parts;
    engine.write(network.tally, new Float32Array(1));
    this.#progress = { epoch, images: 0 };
    for (const { x, y } of data.batches(digits, { batchSize, shuffle: true, seed, epoch })) {
      await steps.get(y.length)!.run({ x: normalized(x), y });
      this.#progress.images += y.length;
      yield this.#progress.images;
    }
  }

  /** The progress of the epoch. Later steps continue meanwhile. */
  async tally(): Promise<Tally> {
    const progress = { ...this.#progress };
    const [loss] = await this.#parts.engine.read(this.#parts.network.tally);
    return { ...progress, loss: loss! };
  }

  /** Evaluates the network on some digits. */
  async evaluate({ x, y }: Digits): Promise<Examination> {
    const { evaluation } = this.#parts;
    const images = new Uint8Array(evaluationBatch * pixels);
    const predicted = new Int32Array(y.data.length);
    for (let start = 0; start < predicted.length; start += evaluationBatch) {
      // The last batch may be smaller: images of the one before fill it up and are not counted.
      images.set(x.data.subarray(start * pixels, (start + evaluationBatch) * pixels));
      const answers = await evaluation.compute({ x: normalized(images) });
      predicted.set(answers.predicted.subarray(0, predicted.length - start), start);
    }
    return { predicted, confusion: new metrics.ConfusionMatrix(classes).add(predicted, y.data) };
  }
}
