import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Engine, losses, nn, optim } from "../../src/index.ts";
import { Trainer } from "../../src/train/index.ts";

let engine: Engine;
beforeAll(async () => {
  engine = await Engine.create();
});
afterAll(() => engine.destroy());

const samples = (n: number, features = 3) => ({
  x: { data: Float32Array.from({ length: features * n }, (_, i) => Math.sin(i * i)), shape: [n, features] },
  y: { data: Int32Array.from({ length: n }, (_, i) => i % 2), shape: [n] },
});

function trainer({ features = 3, optimizer = optim.adam({ lr: 0.01 }) as optim.OptimizerLike, seed = 1 } = {}) {
  nn.seed(seed);
  const model = nn.sequential(nn.linear(features, 8), nn.dropout(0.5), nn.linear(8, 2));
  return new Trainer({ engine, model, loss: losses.crossEntropy, optimizer });
}

describe("a resumed training draws the numbers of the one that was saved", () => {
  const options = { batchSize: 8, epochs: 3 } as const;

  test("whatever programs its trainer had made before", async () => {
    const own = trainer();
    await own.fit(samples(12), { batchSize: 4 });
    await own.fit(samples(24), { ...options, epochs: 1 });
    const bytes = await own.save();
    const whole = await own.fit(samples(24), { ...options, resume: true });
    const other = trainer({ seed: 2 });
    await other.load(bytes);
    const rest = await other.fit(samples(24), { ...options, resume: true });
    expect(rest.epochs.map(({ loss }) => loss)).toEqual(whole.epochs.map(({ loss }) => loss));
  });

  test("also in a trainer that has trained in other sizes", async () => {
    const own = trainer();
    await own.fit(samples(24), { ...options, epochs: 1 });
    const bytes = await own.save();
    const whole = await own.fit(samples(24), { ...options, resume: true });
    const other = trainer({ seed: 2 });
    await other.fit(samples(12), { batchSize: 5 });
    await other.load(bytes);
    const rest = await other.fit(samples(24), { ...options, resume: true });
    expect(rest.epochs.map(({ loss }) => loss)).toEqual(whole.epochs.map(({ loss }) => loss));
  });
});
