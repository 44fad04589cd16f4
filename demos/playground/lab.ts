import { permutation } from "../../src/data/random.ts";
import {
  add,
  concat,
  constant,
  type Engine,
  type Feeds,
  input,
  mean,
  mul,
  type Program,
  reshape,
  transpose,
} from "../../src/index.ts";
import { type Frame, side } from "./frame.ts";
import {
  createLayers,
  firstValues,
  forward,
  type Layer,
  lossesFor,
  type Numbers,
  optimizerOf,
  penaltyOf,
  shown,
  sizesOf,
  type Values,
} from "./network.ts";
import { count, reach, type Samples, samples, taskOf } from "./problems.ts";
import type { Settings } from "./settings.ts";

type Step = Program<{ loss: Numbers }>;
type View = Awaited<ReturnType<Lab["compileView"]>>;

/** Trains one network and draws it: in a worker. */
export class Lab {
  readonly #engine: Engine;
  #settings: Settings | undefined;
  #samples!: Samples;
  #layers: readonly Layer[] = [];
  #optimizer!: ReturnType<typeof optimizerOf>;
  #programs: { readonly step: Step; readonly view: View } | undefined;
  #step = 0;
  #epoch = 0;
  /** Steps of the epoch. */
  #position = 0;

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  /** Takes new settings on, and keeps the weights that still fit. @param fresh draws all weights again. */
  async configure(settings: Settings, fresh: boolean): Promise<Frame> {
    const before = this.#settings;
    this.#samples = samples(settings);
    if (fresh || !before || programOf(before) !== programOf(settings)) {
      const kept = fresh || !before ? undefined : { sizes: sizesOf(before), values: await this.#read() };
      await this.#build(settings, firstValues(settings, kept));
    }
    this.#settings = settings;
    this.#engine.write(this.#optimizer.lr, settings.rate);
    if (fresh) this.#step = this.#epoch = this.#position = 0;
    // With larger batches, the epoch may be over already.
    this.#position = Math.min(this.#position, stepsPerEpoch(this.#samples, settings) - 1);
    return this.frame();
  }

  /** Trains for some steps. */
  async advance(steps: number): Promise<Frame> {
    const { batch, penalty, strength, seed } = this.#settings!;
    const factor: Feeds = penalty === "none" ? {} : { strength: Float32Array.of(strength) };
    const perEpoch = stepsPerEpoch(this.#samples, this.#settings!);
    for (let i = 0; i < steps; i++) {
      const order = permutation(this.#samples.train, seed, 100 + this.#epoch);
      await this.#programs!.step.run({ ...batchOf(this.#samples, order, this.#position * batch, batch), ...factor });
      this.#step++;
      this.#position++;
      if (this.#position < perEpoch) continue;
      this.#epoch++;
      this.#position = 0;
    }
    return this.frame();
  }

  async frame(): Promise<Frame> {
    const settings = this.#settings!;
    const { x, y, train } = this.#samples;
    const { losses, guesses, surfaces, weights } = await this.#programs!.view.compute({ x, y });
    const perEpoch = stepsPerEpoch(this.#samples, settings);
    const average = (values: Float32Array): number => values.reduce((sum, value) => sum + value, 0) / values.length;
    const right = guesses.slice(train).filter((guess, i) => guess > 0 === y[train + i]! > 0).length;
    return {
      step: this.#step,
      epoch: this.#epoch + this.#position / perEpoch,
      left: perEpoch - this.#position,
      loss: { train: average(losses.slice(0, train)), test: average(losses.slice(train)) },
      accuracy: taskOf(settings.problem) === "classification" ? right / (count - train) : undefined,
      sizes: sizesOf(settings),
      surfaces,
      weights,
    };
  }

  /** Replaces the network and its programs, and frees the last ones. */
  async #build(settings: Settings, values: readonly Values[]): Promise<void> {
    this.#programs?.step.destroy();
    this.#programs?.view.destroy();
    this.#engine.free(...this.#layers.flatMap(({ weight, bias }) => [[weight, bias]]));
    this.#layers = createLayers(settings, values);
    this.#optimizer = optimizerOf(settings);
    this.#programs = { step: await this.#compileStep(settings), view: await this.compileView(settings) };
  }

  #compileStep(settings: Settings): Promise<Step> {
    const output = forward(this.#layers, input("x", [settings.batch, 2]), settings).at(-1)!;
    const loss = mean(lossesFor(output, input("y", [settings.batch, 1]), settings));
    const penalty = penaltyOf(this.#layers, settings);
    const cost = penalty ? add(loss, mul(penalty, input("strength", []))) : loss;
    return this.#engine.compile({ outputs: { loss }, updates: this.#optimizer.minimize(cost) });
  }

  /** One program for all that is drawn: losses and guesses of all points, the surfaces of all units, the weights. */
  compileView(settings: Settings) {
    const output = forward(this.#layers, input("x", [count, 2]), settings).at(-1)!;
    const units = forward(this.#layers, constant(grid(), [side * side, 2]), settings);
    const all = [...units.slice(0, -1), shown(units.at(-1)!, settings)];
    return this.#engine.compile({
      outputs: {
        losses: lossesFor(output, input("y", [count, 1]), settings),
        guesses: output,
        surfaces: transpose(concat(all, 1)),
        weights: concat(
          this.#layers.map(({ weight }) => reshape(weight, [weight.size])),
          0,
        ),
      },
    });
  }

  #read(): Promise<Values[]> {
    const read = async ({ weight, bias }: Layer): Promise<Values> => ({
      weight: await this.#engine.read(weight),
      bias: await this.#engine.read(bias),
    });
    return Promise.all(this.#layers.map(read));
  }
}

/** All settings that are part of the programs; equal texts need no new ones. */
const programOf = ({ layers, activation, optimizer, penalty, batch, problem, loss }: Settings): string =>
  JSON.stringify([layers, activation, optimizer, penalty, batch, taskOf(problem), loss]);

const stepsPerEpoch = ({ train }: Samples, { batch }: Settings): number => Math.ceil(train / batch);

/** A batch of an epoch's order, from a place in it. The last one is filled up with the first points of the order. */
function batchOf({ x, y }: Samples, order: Uint32Array, first: number, size: number) {
  const batch = { x: new Float32Array(2 * size), y: new Float32Array(size) };
  for (let i = 0; i < size; i++) {
    const from = order[(first + i) % order.length]!;
    batch.x.set(x.subarray(2 * from, 2 * from + 2), 2 * i);
    batch.y[i] = y[from]!;
  }
  return batch;
}

/** The points of the surfaces, row by row from the top left. */
function grid(): Float32Array<ArrayBuffer> {
  const at = (i: number): number => reach * ((2 * (i + 0.5)) / side - 1);
  return Float32Array.from({ length: 2 * side * side }, (_, i) => {
    const point = i >> 1;
    return i % 2 === 0 ? at(point % side) : -at(Math.floor(point / side));
  });
}
