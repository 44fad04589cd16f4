import { afterAll, beforeAll, expect, test } from "vitest";
import { type Engine, input, io, losses, nn, optim } from "../../src/index.ts";
import { ReferenceProgram } from "../../src/reference/index.ts";
import { Trainer } from "../../src/train/index.ts";
import { basicEngine } from "../basic.ts";
import { firstMiss } from "../golden/cases.ts";

/* Groups of parameters and moving averages on the device, against the float64 twin and across a checkpoint. */

// Eight storage buffers, so that a step's numbers are packed.
let engine: Engine;
beforeAll(async () => {
  engine = await basicEngine();
});
afterAll(() => {
  engine.destroy();
  engine.device.destroy();
});

const feeds = (step: number) => ({
  x: Float32Array.from({ length: 8 * 6 }, (_, i) => Math.sin(i * (step + 1))),
  y: Int32Array.from({ length: 8 }, (_, i) => (i + step) % 3),
});

/** A model in two groups, with averages, clipped and scaled. */
function training(seed: number) {
  nn.seed(seed);
  const model = nn.sequential(nn.linear(6, 70), nn.layerNorm(70), nn.relu(), nn.linear(70, 3));
  const loss = losses.crossEntropy(model(input("x", [8, 6])), input("y", [8], "i32"));
  const vectors = [...model.variables.values()].filter(({ shape }) => shape.length < 2);
  const schedule = optim.cosineAnnealingLR({ tMax: 20 });
  const optimizer = optim.groups(optim.adamW, { lr: 0.02, schedule }, [
    { parameters: vectors, lr: 0.05, weightDecay: 0 },
  ]);
  const ema = optim.ema(model, { decay: 0.8 });
  const scaler = optim.lossScaler({ initial: 4 });
  const updates = ema.follow(optimizer.minimize(loss, { scaler, clip: optim.clipGradNorm(0.5) }));
  const weights = nn.stateDict(model);
  const kept = { model: weights, optimizer: optimizer.state(weights), ema: ema.state(weights), scaler: scaler.state() };
  return { model, loss, updates, kept, ema };
}

test("twelve steps agree with the twin, and so do the averages", { tags: ["quick"] }, async () => {
  const { model, loss, updates, kept, ema } = training(1);
  const twin = new ReferenceProgram({ updates });
  const program = await engine.compile({ outputs: { loss }, updates });
  for (let step = 0; step < 12; step++) {
    await program.run(feeds(step));
    twin.run(feeds(step));
  }
  for (const part of Object.values(kept))
    for (const [name, v] of part)
      expect(firstMiss(await engine.read(v), twin.read(v), 2e-4, 2e-5), name).toBeUndefined();
  const test = await engine.compile({ outputs: { y: ema.averaged(model(input("x", [8, 6]))) } });
  const before = (await test.compute({ x: feeds(0).x })).y;
  const swap = await engine.compile({ updates: ema.swap() });
  await swap.run();
  const plain = await engine.compile({ outputs: { y: model(input("x", [8, 6])) } });
  expect((await plain.compute({ x: feeds(0).x })).y).toEqual(before);
  expect((await test.compute({ x: feeds(0).x })).y).not.toEqual(before);
});

test("a training of groups and averages continues from its checkpoint bit for bit", async () => {
  const one = training(1);
  const program = await engine.compile({ outputs: { loss: one.loss }, updates: one.updates });
  for (let step = 0; step < 3; step++) await program.run(feeds(step));
  const bytes = await io.saveCheckpoint(engine, one.kept);
  expect([...io.parseSafetensors(bytes).tensors.keys()]).toEqual(
    expect.arrayContaining(["optimizer.lr", "optimizer.groups.0.lr", "optimizer.0.bias.exp_avg", "ema.0.weight"]),
  );
  for (let step = 3; step < 6; step++) await program.run(feeds(step));

  const other = training(2);
  const again = await engine.compile({ outputs: { loss: other.loss }, updates: other.updates });
  io.loadCheckpoint(engine, other.kept, bytes);
  for (let step = 3; step < 6; step++) await again.run(feeds(step));
  for (const [part, named] of Object.entries(one.kept))
    for (const [name, v] of named)
      expect(await engine.read(other.kept[part as keyof typeof other.kept].get(name)!), `${part} ${name}`).toEqual(
        await engine.read(v),
      );
});

test("a trainer takes groups with averages around them, and a padded last batch is no extra step", async () => {
  nn.seed(4);
  const model = nn.sequential(nn.linear(6, 8), nn.relu(), nn.linear(8, 3));
  const vectors = [...model.variables.values()].filter(({ shape }) => shape.length < 2);
  const ema = optim.ema(model, { decay: 0.5 });
  const optimizer = ema.around(optim.groups(optim.adamW, { lr: 0.01 }, [{ parameters: vectors, weightDecay: 0 }]));
  const trainer = new Trainer({ engine, model, loss: losses.crossEntropy, optimizer });
  const { x, y } = feeds(0);
  await trainer.fit({ x: { data: x, shape: [8, 6] }, y: { data: y, shape: [8] } }, { epochs: 3, batchSize: 3 });
  expect(await engine.read(ema.count)).toEqual(Int32Array.of(9));
  const weights = nn.stateDict(model);
  expect([...optimizer.state(weights).keys()]).toEqual(
    expect.arrayContaining(["lr", "groups.0.lr", "0.bias.exp_avg", "ema.n_averaged", "ema.0.bias"]),
  );
  trainer.destroy();
});
