import { afterAll, describe, expect, test } from "vitest";
import { Engine, input, losses, nn, optim } from "../../src/index.ts";

/*
 * Loss scaling does not need f16: here the overflow is that of f32, on any adapter.
 */

const engine = await Engine.create();
afterAll(() => engine.destroy());

const x = input("x", [4, 3]);
const y = input("y", [4, 2]);
const good = { x: Float32Array.from({ length: 12 }, (_, i) => Math.sin(i)), y: new Float32Array(8).fill(0.5) };
const bad = (value: number) => ({ ...good, x: good.x.map((v, i) => (i === 5 ? value : v)) });

async function trainer(optimizer: optim.Optimizer, scaler: optim.LossScaler, clip: readonly optim.Clip[] = []) {
  nn.seed(3);
  const model = nn.sequential(nn.linear(3, 5), nn.tanh(), nn.linear(5, 2));
  const loss = losses.mse(model(x), y);
  const updates = optimizer.minimize(loss, { scaler, clip });
  const program = await engine.compile({ outputs: { loss, taken: updates.taken! }, updates });
  const kept = updates.map(([variable]) => variable).filter((variable) => !scaler.state().has(variable.name));
  const state = () => Promise.all(kept.map((variable) => engine.read(variable)));
  return { program, state, model };
}

describe.each([
  ["adam", () => optim.adam({ lr: 0.01, schedule: optim.exponentialLR({ gamma: 0.9 }) })],
  ["nadam", () => optim.nadam({ lr: 0.01 })],
  ["sgd with momentum", () => optim.sgd({ lr: 0.1, momentum: 0.9 })],
])("%s with a loss scaler", (_, make) => {
  test("takes the same steps as without", async () => {
    const [scaled, plain] = [optim.lossScaler({ interval: 3 }), make()];
    const { program, model } = await trainer(make(), scaled);
    nn.seed(3);
    const twin = nn.sequential(nn.linear(3, 5), nn.tanh(), nn.linear(5, 2));
    const loss = losses.mse(twin(x), y);
    const other = await engine.compile({ outputs: { loss }, updates: plain.minimize(loss) });
    for (let i = 0; i < 10; i++) {
      await program.run(good);
      await other.run(good);
    }
    // Factors are powers of two: scaling loses only what leaves the range of f32.
    expect(await program.outputs.loss.scalar()).toBeCloseTo(await other.outputs.loss.scalar(), 5);
    for (const [name, variable] of model.variables) {
      const [a, b] = [await engine.read(variable), await engine.read(twin.variables.get(name)!)];
      a.forEach((value, i) => expect(value).toBeCloseTo(b[i]!, 5));
    }
  });

  test("changes nothing if a gradient overflows, and continues afterwards", async () => {
    const scaler = optim.lossScaler({ initial: 1024 });
    const { program, state } = await trainer(make(), scaler, [optim.clipGradNorm(1)]);
    for (let i = 0; i < 3; i++) await program.run(good);
    const before = await state();
    expect(await program.outputs.taken.scalar()).toBe(1);
    const far = { ...good, y: good.y.map((v, i) => (i === 2 ? 3e38 : v)) };
    for (const feeds of [bad(Number.POSITIVE_INFINITY), bad(Number.NaN), far]) {
      await program.run(feeds);
      expect(await program.outputs.taken.scalar()).toBe(0);
    }
    const bits = (values: readonly { buffer: ArrayBufferLike }[]) =>
      values.map(({ buffer }) => new Uint32Array(buffer));
    expect(bits(await state())).toEqual(bits(before));
    expect([...(await engine.read(scaler.scale))]).toEqual([128]);
    expect([...(await engine.read(scaler.good))]).toEqual([0]);
    await program.run(good);
    expect(await program.outputs.taken.scalar()).toBe(1);
    expect(bits(await state())).not.toEqual(bits(before));
  });
});

test("the factor grows after an interval without overflow, and stays within its bounds", async () => {
  const scaler = optim.lossScaler({ initial: 2 ** 22, growth: 4, backoff: 0.25, interval: 3 });
  const { program } = await trainer(optim.sgd({ lr: 0.01 }), scaler);
  const scales: number[] = [];
  for (let i = 0; i < 9; i++) {
    await program.run(i === 7 ? bad(Number.NaN) : good);
    scales.push((await engine.read(scaler.scale))[0]!);
  }
  expect(scales.map(Math.log2)).toEqual([22, 22, 24, 24, 24, 24, 24, 22, 22]);
});

test("accumulated gradients are scaled too, and discarded if one overflowed", async () => {
  nn.seed(3);
  const model = nn.linear(3, 2);
  const scaler = optim.lossScaler({ initial: 256 });
  const loss = losses.mse(model(x), y);
  const sums = optim.accumulator([...model.variables.values()]);
  const collect = await engine.compile({ updates: sums.collect(scaler.scaled(loss)) });
  const step = await engine.compile({ updates: sums.step(optim.sgd({ lr: 0.1 }), { scaler }) });
  const weight = model.variables.get("weight")!;
  const first = [...(await engine.read(weight))];
  await collect.run(good);
  await collect.run(bad(Number.POSITIVE_INFINITY));
  await step.run();
  expect([...(await engine.read(weight))]).toEqual(first);
  expect((await engine.read(scaler.scale))[0]).toBe(128);
  await collect.run(good);
  await step.run();
  expect([...(await engine.read(weight))]).not.toEqual(first);
});

test("costs one dispatch over the gradients, and a few over single numbers", async () => {
  nn.seed(3);
  const make = () => {
    const model = nn.sequential(nn.linear(3, 5), nn.tanh(), nn.linear(5, 2));
    return losses.mse(model(x), y);
  };
  const [a, b] = [make(), make()];
  const plain = await engine.compile({ updates: optim.adam().minimize(a) });
  const scaled = await engine.compile({ updates: optim.adam().minimize(b, { scaler: optim.lossScaler() }) });
  const labels = scaled.inspect().kernels.map(({ label }) => label);
  expect(labels.filter((label) => label.startsWith("nonFinite×4"))).toHaveLength(1);
  expect(labels.filter((label) => label.startsWith("adam"))).toHaveLength(1);
  // The scaled loss, the sum of the counts, 1 / factor, the scalars side by side, the new factor.
  expect(labels.length - plain.inspect().kernels.length).toBeLessThanOrEqual(6);
});
