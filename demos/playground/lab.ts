import { permutation } from "../../src/data/random.ts";
import {
  add,
  concat,
  constant,
  type Engine,
  type Feeds,
  grad,
  input,
  mean,
  mul,
  type Program,
  reshape,
  sqrt,
  sum,
  transpose,
} from "../../src/index.ts";
import type { Recording } from "../../src/recording/index.ts";
import { featuresOf } from "./features.ts";
import { type Frame, grid, type Place, side } from "./frame.ts";
import {
  createLayers,
  dropoutOf,
  forward,
  type Layer,
  lossesFor,
  type Numbers,
  optimizerOf,
  penaltyOf,
  shown,
} from "./network.ts";
import { count, type Samples, samples, taskOf } from "./problems.ts";
import { rateAt } from "./schedule.ts";
import { batchOf, type Settings, stepsPerEpoch } from "./settings.ts";
import { firstValues, sizesOf, type Values } from "./values.ts";

type View = Awaited<ReturnType<Lab["compileView"]>>;

/** Trains one network and draws it: in a worker. */
export class Lab {
  readonly #engine: Engine;
  #settings: Settings | undefined;
  #samples!: Samples;
  #inputs!: Float32Array<ArrayBuffer>;
  #layers: readonly Layer[] = [];
  #optimizer!: ReturnType<typeof optimizerOf>;
  /** Without points to train on there is no step. */
  #programs: { readonly step: Program | undefined; readonly view: View } | undefined;
  #step = 0;
  #epoch = 0;
  /** Steps of the epoch. */
  #position = 0;

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  /** Epochs so far, as a fraction. */
  get epoch(): number {
    return this.#epoch + this.#position / this.#perEpoch;
  }

  get step(): Program | undefined {
    return this.#programs?.step;
  }

  /** Takes new settings on, and keeps the weights that still fit. @param fresh draws all weights again. */
  async configure(settings: Settings, fresh: boolean): Promise<void> {
    const before = this.#settings;
    const { train } = this.#samples ?? {};
    this.#samples = samples(settings);
    this.#inputs = featuresOf(settings.features, this.#samples.x, capacityOf(this.#samples));
    if (fresh || !before || programOf(before, train!) !== programOf(settings, this.#samples.train)) {
      const kept = fresh || !before ? undefined : { settings: before, values: await this.#read() };
      await this.#build(settings, firstValues(settings, kept));
    }
    this.#settings = settings;
    if (fresh) this.#step = this.#epoch = this.#position = 0;
    // With larger batches, the epoch may be over already.
    this.#position = Math.min(this.#position, this.#perEpoch - 1);
    this.#setRate();
  }

  /** Trains for some steps. */
  async advance(steps: number): Promise<void> {
    const { step } = this.#programs!;
    if (!step) return;
    for (let left = steps; left > 0; ) {
      // To the end of the epoch at most, where the learning rate may change.
      const count = Math.min(left, this.#perEpoch - this.#position);
      await step.runMany(this.#feeds(count));
      this.#moved(count);
      left -= count;
    }
  }

  /** Trains for one step, and records it. */
  async record(): Promise<Recording> {
    const { step } = this.#programs!;
    if (!step) throw new Error("there are no points to train on");
    const recording = await step.record(this.#feeds(1)[0], { step: this.#step });
    this.#moved(1);
    return recording;
  }

  /** Feeds of the next steps of the epoch. */
  #feeds(count: number): Feeds[] {
    const { penalty, strength, seed } = this.#settings!;
    const factor: Feeds = penalty === "none" ? {} : { strength: Float32Array.of(strength) };
    const order = permutation(this.#samples.train, seed, this.#epoch);
    return Array.from({ length: count }, (_, i) => ({ ...this.#batchAt(order, this.#position + i), ...factor }));
  }

  #moved(steps: number): void {
    this.#step += steps;
    this.#position += steps;
    if (this.#position < this.#perEpoch) return;
    this.#epoch++;
    this.#position = 0;
    this.#setRate();
  }

  /** Trains until as many epochs are over as in another run. */
  async follow(epoch: number): Promise<void> {
    if (this.step) await this.advance(Math.ceil((epoch - this.epoch - 1e-6) * this.#perEpoch));
  }

  /** Changes one weight or bias. */
  async edit({ layer, kind, index }: Place, value: number): Promise<void> {
    const variable = this.#layers[layer]?.[kind];
    if (!variable || index >= variable.size) return; // The network has changed meanwhile.
    const values = await this.#engine.read(variable);
    values[index] = value;
    this.#engine.write(variable, values);
  }

  async frame(): Promise<Frame> {
    const settings = this.#settings!;
    const { y, train } = this.#samples;
    const padded = new Float32Array(capacityOf(this.#samples));
    padded.set(y);
    const share = new Float32Array(padded.length).fill(train && 1 / train, 0, train);
    const { losses, guesses, ...drawn } = await this.#programs!.view.compute({ x: this.#inputs, y: padded, share });
    const average = (values: Float32Array): number => values.reduce((sum, value) => sum + value, 0) / values.length;
    const right = guesses.slice(train, y.length).filter((guess, i) => guess > 0 === y[train + i]! > 0).length;
    return {
      step: this.#step,
      epoch: this.epoch,
      left: this.#perEpoch - this.#position,
      loss: { train: average(losses.slice(0, train)), test: average(losses.slice(train, y.length)) },
      accuracy: taskOf(settings) === "classification" && train < y.length ? right / (y.length - train) : undefined,
      sizes: sizesOf(settings),
      rate: rateAt(settings, this.#epoch),
      ...drawn,
    };
  }

  get #perEpoch(): number {
    return stepsPerEpoch(this.#settings!, this.#samples.train);
  }

  #setRate(): void {
    this.#engine.write(this.#optimizer.lr, rateAt(this.#settings!, this.#epoch));
  }

  /** Replaces the network and its programs, and frees the last ones. */
  async #build(settings: Settings, values: readonly Values[]): Promise<void> {
    this.free();
    this.#layers = createLayers(settings, values);
    this.#optimizer = optimizerOf(settings);
    // Together, so that the driver compiles kernels of both at once.
    const [step, view] = await Promise.all([this.#compileStep(settings), this.compileView(settings)]);
    this.#programs = { step, view };
  }

  /** Frees the network. */
  free(): void {
    this.#programs?.step?.destroy();
    this.#programs?.view.destroy();
    this.#engine.free(...this.#layers.map(({ weight, bias }) => [weight, bias]));
    this.#programs = undefined;
    this.#layers = [];
    this.#settings = undefined;
  }

  async #compileStep(settings: Settings): Promise<Program | undefined> {
    const batch = batchOf(settings, this.#samples.train);
    if (batch === 0) return undefined;
    const x = input("x", [batch, settings.features.length]);
    const output = forward(this.#layers, x, settings, dropoutOf(settings)).at(-1)!;
    const loss = mean(lossesFor(output, input("y", [batch, 1]), settings));
    const penalty = penaltyOf(this.#layers, settings);
    const cost = penalty ? add(loss, mul(penalty, input("strength", []))) : loss;
    return this.#engine.compile({ updates: this.#optimizer.minimize(cost) });
  }

  /**
   * One program for all that is drawn: losses and guesses of all points, the surfaces of all units, weights and biases,
   * and how strong the gradient still is in each layer.
   */
  compileView(settings: Settings) {
    const rows = capacityOf(this.#samples);
    const layers = this.#layers;
    const output = forward(layers, input("x", [rows, settings.features.length]), settings).at(-1)!;
    const points = constant(featuresOf(settings.features, grid()), [side * side, settings.features.length]);
    const units = forward(layers, points, settings);
    const losses = lossesFor(output, input("y", [rows, 1]), settings);
    const weights = layers.map(({ weight }) => weight);
    const norm = (gradient: Numbers): Numbers => reshape(sqrt(sum(mul(gradient, gradient))), [1]);
    return this.#engine.compile({
      outputs: {
        losses,
        guesses: output,
        surfaces: transpose(concat([...units.slice(0, -1), shown(units.at(-1)!, settings)], 1)),
        weights: joined(weights),
        biases: joined(layers.map(({ bias }) => bias)),
        norms: concat(grad(sum(mul(losses, input("share", [rows, 1]))), weights).map(norm), 0),
      },
    });
  }

  #batchAt(order: Uint32Array, position: number) {
    const { y } = this.#samples;
    const size = batchOf(this.#settings!, this.#samples.train);
    const width = this.#settings!.features.length;
    const batch = { x: new Float32Array(width * size), y: new Float32Array(size) };
    for (let i = 0; i < size; i++) {
      const from = order[position * size + i]!;
      batch.x.set(this.#inputs.subarray(width * from, width * (from + 1)), width * i);
      batch.y[i] = y[from]!;
    }
    return batch;
  }

  #read(): Promise<Values[]> {
    const read = async ({ weight, bias }: Layer): Promise<Values> => ({
      weight: await this.#engine.read(weight),
      bias: await this.#engine.read(bias),
    });
    return Promise.all(this.#layers.map(read));
  }
}

const joined = (tensors: readonly Numbers[]): Numbers =>
  concat(
    tensors.map((tensor) => reshape(tensor, [tensor.size])),
    0,
  );

/** Points that the program for drawing takes: more room than needed, so that a new point needs no new program. */
const capacityOf = ({ y }: Samples): number => (y.length <= count ? count : 2 ** Math.ceil(Math.log2(y.length)));

/** All settings that are part of the programs; equal texts need no new ones. @param train points to train on. */
const programOf = (settings: Settings, train: number): string => {
  const { features, layers, activation, optimizer, penalty, loss, dropout } = settings;
  const rows = capacityOf(samples(settings));
  const parts = [features, layers, activation, optimizer, penalty, batchOf(settings, train), taskOf(settings), loss];
  return JSON.stringify([...parts, dropout, rows]);
};
