import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { ladders } from "../../bench/cases/ladders.ts";
import { measureCeilings } from "../../bench/measure/ceilings.ts";
import { budgets } from "../../bench/measure/clock.ts";
import { measureKernel } from "../../bench/measure/kernels.ts";
import { isFault } from "../../bench/measure/result.ts";
import { measureStep } from "../../bench/measure/steps.ts";
import { lenet as lenetStep, workloads } from "../../bench/workloads.ts";
import * as data from "../../src/data/index.ts";
import { mnist, mobyDick } from "../../src/datasets/index.ts";
import { constant, Engine, input, losses, nn, optim, softmax } from "../../src/index.ts";
import { createGPU } from "../../src/node/index.ts";
import { importOnnx } from "../../src/onnx/index.ts";
import { readModel } from "../../src/onnx/model.ts";
import { corpusOf } from "../text/corpus.ts";
import { defaults } from "../text/options.ts";
import { Trainer } from "../text/trainer.ts";
import {
  type CourseRun,
  type DigitsRun,
  type InsideRun,
  type KernelsRun,
  type OnnxRun,
  type PlaygroundRun,
  pack,
  type SpeedRun,
  type TextRun,
} from "./runs.ts";

/*
 * Records the runs that the cards of the front page replay, in Node:
 *
 *   npx tsx demos/house/record.ts [NAME…]
 */

async function playground(engine: Engine): Promise<PlaygroundRun> {
  const [count, side, every] = [160, 20, 48];
  const random = data.randomStream(3);
  const points = Array.from({ length: count }, (_, i) => {
    const share = random.uniform();
    const angle = 2.6 * Math.PI * share + (i % 2) * Math.PI;
    const radius = 0.06 + 0.88 * share;
    return [radius * Math.sin(angle), radius * Math.cos(angle), i % 2 ? 1 : -1] as const;
  });
  nn.seed(4);
  const model = nn.sequential(nn.linear(2, 16), nn.tanh(), nn.linear(16, 12), nn.tanh(), nn.linear(12, 1), nn.tanh());
  const loss = losses.mse(model(input("x", [count, 2])), input("y", [count, 1]));
  const step = await engine.compile({ outputs: { loss }, updates: optim.adam({ lr: 0.02 }).minimize(loss) });
  const at = (i: number): number => (2 * (i + 0.5)) / side - 1;
  const grid = Float32Array.from({ length: 2 * side * side }, (_, i) =>
    i % 2 === 0 ? at((i >> 1) % side) : -at(Math.floor((i >> 1) / side)),
  );
  const view = await engine.compile({ outputs: { plane: model(constant(grid, [side * side, 2])), loss } });
  const feeds = {
    x: Float32Array.from(points.flatMap((point) => point.slice(0, 2))),
    y: Float32Array.from(points.map(([, , side]) => side)),
  };
  const frames = [];
  for (let taken = 0; taken <= 12 * every; taken += every) {
    const { plane, loss } = await view.compute(feeds);
    frames.push({ step: taken, loss: short(loss[0]!), plane: pack(plane, -1, 1) });
    for (let i = 0; i < every; i++) await step.run(feeds);
  }
  return { points: points.map(([x, y, side]) => [placed(x), placed(y), side]), frames, side };
}

async function digits(engine: Engine): Promise<DigitsRun> {
  const [batch, tested, which] = [64, 1000, 18];
  const { train, test } = await mnist();
  nn.seed(1);
  const model = nn.sequential(
    nn.conv2d(1, 8, 5, { padding: 2 }),
    nn.relu(),
    nn.maxPool2d(2),
    nn.conv2d(8, 16, 5, { padding: 2 }),
    nn.relu(),
    nn.maxPool2d(2),
    nn.flatten(),
    nn.linear(784, 10),
  );
  const loss = losses.crossEntropy(model(input("x", [batch, 1, 28, 28])), input("y", [batch], "i32"));
  const step = await engine.compile({ outputs: { loss }, updates: optim.adam({ lr: 0.002 }).minimize(loss) });
  const view = await engine.compile({ outputs: { votes: softmax(model(input("x", [tested, 1, 28, 28]))) } });
  const images = (from: Uint8Array, first: number, count: number) =>
    Float32Array.from(from.subarray(784 * first, 784 * (first + count)), (value) => value / 255);
  const shown = { x: images(test.x.data, 0, tested) };
  const frames = [];
  for (let taken = 0; taken <= 120; taken++) {
    if (taken % 6 === 0) {
      const { votes } = await view.compute(shown);
      const read = Array.from({ length: tested }, (_, i) => {
        const row = votes.subarray(10 * i, 10 * i + 10);
        return row.indexOf(Math.max(...row));
      });
      const accuracy = read.filter((digit, i) => digit === test.y.data[i]).length / tested;
      frames.push({ step: taken, accuracy, votes: pack(votes.subarray(10 * which, 10 * which + 10), 0, 1) });
    }
    await step.run({
      x: images(train.x.data, batch * taken, batch),
      y: train.y.data.subarray(batch * taken, batch * (taken + 1)),
    });
  }
  return { image: pack(test.x.data.subarray(784 * which, 784 * (which + 1)), 0, 255), frames };
}

async function text(engine: Engine): Promise<TextRun> {
  const settings = { ...defaults, steps: 240, hidden: 96, sample: 96, temperature: 0.6 };
  const trainer = await Trainer.create(engine, corpusOf(await mobyDick()), settings);
  const frames = [];
  for (let taken = 1; taken <= settings.steps; taken++) {
    await trainer.step();
    if (![1, 20, 60, 120, 180, 240].includes(taken)) continue;
    const written = await trainer.sample("\n");
    frames.push({ step: taken, bits: short(await trainer.bits()), text: written.replace(/\s+/g, " ").trim() });
  }
  return { frames };
}

async function course(engine: Engine): Promise<CourseRun> {
  const [count, steps] = [24, 16];
  const random = data.randomStream(3);
  const xs = Float32Array.from({ length: count }, () => 2 * random.uniform() - 1);
  const ys = xs.map((x) => 0.7 * x + 0.15 + 0.12 * random.normal());
  const model = nn.linear(1, 1, { weightInit: () => -0.8, biasInit: () => -0.6 });
  const loss = losses.mse(model(constant(xs, [count, 1])), constant(ys, [count, 1]));
  const outputs = { loss, w: model.variables.get("weight")!, b: model.variables.get("bias")! };
  const step = await engine.compile({ outputs, updates: optim.sgd({ lr: 0.25 }).minimize(loss) });
  const frames = [];
  for (let taken = 0; taken <= steps; taken++) {
    const { loss, w, b } = await step.compute();
    frames.push({ loss: short(loss[0]!), w: short(w[0]!), b: short(b[0]!) });
  }
  return { points: Array.from(xs, (x, i) => [placed(x), placed(ys[i]!)]), frames };
}

async function inside(engine: Engine): Promise<InsideRun> {
  const { outputs, updates, feeds } = lenetStep();
  const program = await engine.compile({ outputs, updates });
  await program.run(feeds);
  const { kernels } = await program.profile(feeds);
  return { adapter: engine.adapter, dispatches: kernels.map(({ label, ms }) => ({ label, ms: short(ms) })) };
}

async function onnx(engine: Engine): Promise<OnnxRun> {
  const file = await readFile(new URL("../onnx/sample/digits.onnx", import.meta.url));
  const { outputs } = importOnnx(file, { dims: { batch: 1 } });
  const program = await engine.compile({ outputs: { shares: softmax(outputs["votes"]!) } });
  const { test } = await mnist();
  const images = [];
  for (const i of [18, 2, 7, 3, 61]) {
    const image = test.x.data.subarray(784 * i, 784 * (i + 1));
    const { shares } = await program.compute({ image: Float32Array.from(image, (byte) => byte / 255) });
    images.push({ image: pack(image, 0, 255), votes: pack(shares!, 0, 1) });
  }
  return { ops: readModel(file).graph.nodes.map(({ op }) => op), images };
}

async function kernels(engine: Engine): Promise<KernelsRun> {
  const ceilings = await measureCeilings(engine, budgets.quick);
  const rungs = [];
  for await (const row of measureKernel(engine, ladders[0]!, ceilings, budgets.quick, true))
    if (!isFault(row)) rungs.push({ variant: row.variant, gflops: short(row.gflops) });
  return { adapter: engine.adapter, rungs, roof: short(ceilings.gflops) };
}

async function speed(engine: Engine): Promise<SpeedRun> {
  const ceilings = await measureCeilings(engine, budgets.quick);
  const steps = [];
  for (const workload of workloads) {
    const { name, ms } = await measureStep(engine, workload, ceilings, budgets.quick);
    steps.push({ name, ms: short(ms) });
  }
  return { adapter: engine.adapter, gflops: short(ceilings.gflops), steps };
}

const short = (value: number): number => Number(value.toPrecision(3));
const placed = (value: number): number => Number(value.toFixed(2));

const all = { course, playground, digits, text, inside, onnx, kernels, speed };
const wanted = process.argv.slice(2);
for (const [name, record] of Object.entries(all)) {
  if (wanted.length > 0 && !wanted.includes(name)) continue;
  const engine = await Engine.create({ gpu: await createGPU() });
  const file = join(import.meta.dirname, "runs", `${name}.json`);
  await writeFile(file, `${JSON.stringify(await record(engine))}\n`);
  engine.destroy();
  console.log(file);
}
process.exit(); // Dawn's threads would keep the process alive.
