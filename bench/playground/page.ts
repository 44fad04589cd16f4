import { parseHash } from "../../demos/parts/hash.ts";
import { fields, split } from "../../demos/playground/address.ts";
import { Lab } from "../../demos/playground/lab.ts";
import { printPoints } from "../../demos/playground/own.ts";
import { samples } from "../../demos/playground/problems.ts";
import type { Settings } from "../../demos/playground/settings.ts";
import { randomStream } from "../../src/data/random.ts";
import { Engine } from "../../src/index.ts";
import { PerSample } from "./persample.ts";

/** Epochs per second, each the median of some rounds that alternate between the two. */
export interface Speeds {
  readonly adapter: string;
  /** One epoch after the other, nothing else. */
  readonly alone: Pair;
  /** An epoch, then all numbers that a drawing needs: both losses, and the values of all units over the plane. */
  readonly drawn: Pair;
  /** As many epochs as fit into a sixtieth of a second with the numbers of a drawing: the page at full speed. */
  readonly full: Pair;
}

export interface Pair {
  readonly tilegrad: number;
  readonly persample: number;
}

const sizes = [2, 4, 2, 1];
const batch = 10;
const rate = 0.03;
/** 500 points, half of them to train on. */
const points = 500;
/** Points along a side of the surfaces: in TensorFlow Playground 100, in ours 40. */
const side = 100;

function settingsOf(): Settings {
  const random = randomStream(1);
  const own = printPoints(
    "regression",
    Array.from({ length: points }, () => {
      const x = [8 * random.uniform() - 4, 8 * random.uniform() - 4] as const;
      return { x, y: x[0] * x[1] > 0 ? 1 : -1 };
    }),
  );
  const { shared, networks } = split(parseHash(fields, `problem=own&optimizer=sgd&rate=${rate}&batch=${batch}`));
  return { ...shared, ...networks[0]!, own };
}

/** The stand-in, with what its page would compute for a drawing. */
function persample(settings: Settings) {
  const random = randomStream(2);
  const net = new PerSample(sizes, () => random.uniform() - 0.5);
  const { x, y, train } = samples(settings);
  const rows = Array.from(y, (target, i) => ({ x: [x[2 * i]!, x[2 * i + 1]!], target }));
  const trained = rows.slice(0, train);
  const lossOf = (part: typeof rows): number =>
    part.reduce((sum, { x, target }) => sum + (net.forward(x) - target) ** 2 / 2, 0) / part.length;
  const units = net.layers.slice(1).flat();
  const surfaces = units.map(() => new Float64Array(side * side));
  return {
    async epochs(count: number): Promise<void> {
      for (let epoch = 0; epoch < count; epoch++)
        for (const [i, { x, target }] of trained.entries()) {
          net.forward(x);
          net.backward(target);
          if ((i + 1) % batch === 0) net.update(rate, batch);
        }
    },
    async draw(): Promise<number> {
      for (let i = 0; i < side * side; i++) {
        net.forward([(8 * (i % side)) / side - 4, 4 - (8 * Math.floor(i / side)) / side]);
        for (const [k, unit] of units.entries()) surfaces[k]![i] = unit.output;
      }
      return lossOf(trained) + lossOf(rows.slice(train));
    },
  };
}

async function tilegrad(engine: Engine, settings: Settings) {
  const lab = new Lab(engine);
  await lab.configure(settings, true);
  const perEpoch = Math.floor(samples(settings).train / batch);
  return {
    epochs: (count: number) => lab.advance(count * perEpoch),
    draw: async () => (await lab.frame()).loss.train,
    /** Waits for what is queued. */
    done: () => engine.device.queue.onSubmittedWorkDone(),
  };
}

type Run = Omit<Awaited<ReturnType<typeof tilegrad>>, "done"> & { readonly done?: () => Promise<undefined> };

/** Epochs per second of a round of about a second. @param draws after how many epochs it draws; 0 never. */
async function speedOf({ epochs, draw, done }: Run, draws: number, ms = 700): Promise<number> {
  const start = performance.now();
  let count = 0;
  let now = start;
  while (now - start < ms) {
    await epochs(draws || 5);
    count += draws || 5;
    if (draws > 0) await draw();
    else if (count % 20 === 0) await done?.();
    now = performance.now();
  }
  await done?.();
  return (1000 * count) / (performance.now() - start);
}

/** As many epochs as fit beside a drawing into a frame. */
async function burstOf(run: Run): Promise<number> {
  const [drawing, both] = [await speedOf(run, 1), await speedOf(run, 0)];
  const [epochMs, drawMs] = [1000 / both, 1000 / drawing - 1000 / both];
  return Math.max(1, Math.round((1000 / 60 - drawMs) / epochMs));
}

const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1]!;

async function measure(rounds: number): Promise<Speeds> {
  const engine = await Engine.create({ backend: "webgpu" });
  const settings = settingsOf();
  const runs = { tilegrad: await tilegrad(engine, settings), persample: persample(settings) };
  const bursts = { tilegrad: await burstOf(runs.tilegrad), persample: await burstOf(runs.persample) };
  const compare = async (draws: { readonly [K in keyof Pair]: number }): Promise<Pair> => {
    const found = { tilegrad: [] as number[], persample: [] as number[] };
    for (let round = 0; round < rounds; round++)
      for (const name of ["tilegrad", "persample"] as const) found[name].push(await speedOf(runs[name], draws[name]));
    return { tilegrad: median(found.tilegrad), persample: median(found.persample) };
  };
  return {
    adapter: engine.adapter,
    alone: await compare({ tilegrad: 0, persample: 0 }),
    drawn: await compare({ tilegrad: 1, persample: 1 }),
    full: await compare(bursts),
  };
}

declare global {
  var measurePlayground: typeof measure;
}

globalThis.measurePlayground = measure;
