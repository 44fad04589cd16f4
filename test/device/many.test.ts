import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { load, Runner } from "../../src/exported/index.ts";
import * as t from "../../src/index.ts";
import {
  Engine,
  exportPrograms,
  FeedError,
  type Feeds,
  input,
  losses,
  NonFiniteError,
  nn,
  optim,
} from "../../src/index.ts";
import { recover } from "../../src/recover/index.ts";
import { batchOf, network } from "../recovering.ts";

/* Many steps in a submission are those steps one by one, to the bit. */

let engine: Engine;
beforeAll(async () => {
  engine = await Engine.create();
});
afterAll(() => engine.destroy());

const steps = 150;
const batches = Array.from({ length: steps }, (_, step) => batchOf(step));

/** A network and its program, with weights, moments, a step count, random keys and running statistics. */
async function training(on = engine) {
  const { model, description } = network();
  return { model, program: await on.compile(description) };
}

const weightsOf = (model: nn.Module) => Promise.all([...nn.stateDict(model).values()].map((one) => engine.read(one)));

/** Losses and final weights of single steps. */
async function oneByOne() {
  const { model, program } = await training();
  const losses: Float32Array[] = [];
  for (const batch of batches) losses.push((await program.compute(batch)).loss);
  const weights = await weightsOf(model);
  program.destroy();
  return { losses, weights };
}

describe("as single steps", () => {
  let expected: Awaited<ReturnType<typeof oneByOne>>;
  beforeAll(async () => {
    expected = await oneByOne();
  });

  test("computeMany: the losses of all steps, and the weights", { tags: ["quick"] }, async () => {
    const { model, program } = await training();
    const found = await program.computeMany(batches);
    expect(found.map(({ loss }) => loss)).toEqual(expected.losses);
    expect(await weightsOf(model)).toEqual(expected.weights);
    program.destroy();
  });

  test("runMany: the weights, the last results, and steps one by one in between", async () => {
    const { model, program } = await training();
    await program.runMany(batches.slice(0, 50));
    await program.run(batches[50]!);
    expect((await program.compute(batches[51]!)).loss).toEqual(expected.losses[51]);
    await program.runMany(batches.slice(52, 53));
    await program.runMany([]);
    await program.runMany(batches.slice(53));
    expect((await program.read()).loss).toEqual(expected.losses.at(-1));
    expect(await weightsOf(model)).toEqual(expected.weights);
    program.destroy();
  });

  test("in a program that was compiled ahead of time", async () => {
    const file = JSON.parse(JSON.stringify(exportPrograms({ train: network().description })));
    const runner = await Runner.create();
    const { programs } = await load<{ train: "loss" }>(runner, file);
    const found = await programs.train.computeMany(batches.slice(0, 70), ["loss"]);
    expect(found.map(({ loss }) => loss)).toEqual(expected.losses.slice(0, 70));
    runner.destroy();
  });

  test("from where a recovery goes back to", async () => {
    const own = await Engine.create();
    const recovery = recover<number>(own, { everyMs: 1e9 });
    const { program } = await training(own);
    const found: Float32Array[] = [];
    let lost = 0;
    await recovery.retry(async (position = 0) => {
      for (let from = position; from < steps; from += 25) {
        if (from === 50) await recovery.snapshot(from);
        const running = program.computeMany(batches.slice(from, from + 25));
        // In the middle of a submission, and between two.
        if (from === 75 && lost++ === 0) own.device.destroy();
        for (const [i, { loss }] of (await running).entries()) found[from + i] = loss;
        if (from === 100 && lost++ === 1) own.device.destroy();
      }
    });
    expect(lost).toBeGreaterThanOrEqual(2);
    expect(found).toEqual(expected.losses);
    own.destroy();
  });
});

test("gradients that accumulate over steps, and a factor of each step", async () => {
  const run = async (many: boolean) => {
    const w = t.variable(Float32Array.of(1, -2), [2]);
    const loss = t.mul(losses.mse(t.mul(w, input("x", [2])), input("y", [2])), input("factor", []));
    const optimizer = optim.adam({ lr: 0.1 });
    const sums = optim.accumulator([w]);
    const add = await engine.compile({ outputs: { loss, w }, updates: sums.collect(loss) });
    const apply = await engine.compile({ updates: sums.step(optimizer) });
    const feeds = Array.from({ length: 24 }, (_, i) => ({
      x: Float32Array.of(i % 3, 1),
      y: Float32Array.of(1, i % 5),
      factor: Float32Array.of(1 / (1 + i)),
    }));
    const found: unknown[] = [];
    for (let from = 0; from < 24; from += 8) {
      if (many) found.push(...(await add.computeMany(feeds.slice(from, from + 8))));
      else for (const each of feeds.slice(from, from + 8)) found.push(await add.compute(each));
      await apply.run();
    }
    add.destroy();
    apply.destroy();
    return found;
  };
  // The second time, the throttle knows how many steps a submission takes.
  await run(true);
  expect(await run(true)).toEqual(await run(false));
});

describe("feeds", () => {
  const doubled = () => {
    const sum = t.variable(0, [5]);
    const x = input("x", [5]);
    const y = t.add(sum, x);
    return { outputs: { y }, updates: [[sum, y]] as const };
  };
  const rows = Array.from({ length: 40 }, (_, i) => Float32Array.from({ length: 5 }, (_, k) => i + k / 8));

  test("GPU memory of the app, of the program itself, and arrays in turn", async () => {
    const program = await engine.compile(doubled());
    const buffer = engine.device.createBuffer({ size: 256 * 4, usage: 0x80 | 0x8 });
    for (const [i, row] of rows.slice(0, 4).entries())
      engine.device.queue.writeBuffer(buffer, 256 * i, row as BufferSource);
    await program.runMany(Array(6).fill({ x: rows[0] }));
    const own = program.outputs.y.buffer();
    const feeds: Feeds[] = rows.map((row, i) =>
      i % 10 === 7 ? { x: own } : i % 3 === 0 ? { x: { buffer, offset: 256 * (i % 4) } } : { x: row },
    );
    const expected: Float32Array[] = [];
    let sum = rows[0]!.map((value) => 6 * value);
    for (const [i] of rows.entries()) {
      const x = i % 10 === 7 ? sum : i % 3 === 0 ? rows[i % 4]! : rows[i]!;
      sum = sum.map((value, k) => Math.fround(value + x[k]!));
      expected.push(sum);
    }
    expect((await program.computeMany(feeds)).map(({ y }) => y)).toEqual(expected);
    buffer.destroy();
    program.destroy();
  });

  test("none, and inputs too large for many in a submission", async () => {
    const count = t.variable(0, []);
    const next = t.add(count, 1);
    const counting = await engine.compile({ outputs: { next }, updates: [[count, next]] });
    for (let i = 0; i < 4; i++) await counting.runMany(Array(100).fill({}));
    expect((await counting.computeMany(Array(3).fill({}))).map(({ next }) => next[0])).toEqual([401, 402, 403]);
    counting.destroy();
    const large = await engine.compile({ outputs: { sum: t.sum(input("x", [2 ** 20])) } });
    const found = await large.computeMany([1, 2, 3].map((value) => ({ x: new Float32Array(2 ** 20).fill(value) })));
    expect(found.map(({ sum }) => sum[0])).toEqual([1, 2, 3].map((value) => value * 2 ** 20));
    large.destroy();
  });

  test("faults name the step, and nothing has run then", async () => {
    const program = await engine.compile(doubled());
    const wrong = [{ x: rows[0]! }, { x: rows[1]! }, { x: new Float32Array(4) }];
    await expect(program.runMany(wrong)).rejects.toThrow(/^runMany: step 2: input "x" has 4 elements/);
    await expect(program.computeMany([{}])).rejects.toThrow(FeedError);
    await expect(program.computeMany([{ x: rows[0]! }], ["z" as "y"])).rejects.toThrow(/computeMany: .*"z"/);
    await expect(program.runMany(5 as never)).rejects.toThrow(/runMany: .*list of steps/);
    expect((await program.compute({ x: rows[0]! })).y).toEqual(rows[0]);
    program.destroy();
    await expect(program.runMany([{ x: rows[0]! }])).rejects.toThrow("destroyed");
  });
});

test("a fault of any step is reported, and only to its own call", async () => {
  const watched = await Engine.create({ checkFinite: true });
  const program = await watched.compile({ outputs: { y: t.mul(input("x", [3]), 2) } });
  const good = { x: Float32Array.of(1, 2, 3) };
  const bad = { x: Float32Array.of(1, Number.NaN, 3) };
  for (let i = 0; i < 6; i++) await program.runMany(Array(20).fill(good));
  const [first, second, third] = [
    program.computeMany([good, bad, good, good]),
    program.computeMany([good, good]),
    program.computeMany([good, good, bad]),
  ];
  await expect(first).rejects.toThrow(NonFiniteError);
  expect((await second).map(({ y }) => y[2])).toEqual([6, 6]);
  await expect(third).rejects.toThrow(/first arose in kernel "mul\[3\]:f32"/);
  await program.runMany([good, bad, good]);
  await expect(program.read()).rejects.toThrow(NonFiniteError);
  watched.destroy();
});
