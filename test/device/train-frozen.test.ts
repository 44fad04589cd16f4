import { afterAll, beforeAll, expect, test } from "vitest";
import { Engine, losses, nn, optim } from "../../src/index.ts";
import { Trainer } from "../../src/train/index.ts";
import { samples } from "../trainers.ts";

let engine: Engine;
beforeAll(async () => {
  engine = await Engine.create();
});
afterAll(() => engine.destroy());

const rows = samples(30);

const modelOf = () => {
  nn.seed(1);
  return nn.sequential({ body: nn.sequential(nn.linear(3, 8), nn.relu()), head: nn.linear(8, 2) });
};
const trainerOf = (model: nn.Module, ema?: optim.Ema) =>
  new Trainer({
    engine,
    model,
    loss: losses.crossEntropy,
    optimizer: optim.adam({ lr: 0.05 }),
    ...(ema && { ema }),
  });

/** Which variables a call changes. */
async function changedBy(model: nn.Module, call: () => Promise<unknown>): Promise<string[]> {
  const read = () =>
    Promise.all([...model.variables].map(async ([name, variable]) => [name, String(await engine.read(variable))]));
  const before = new Map((await read()) as [string, string][]);
  await call();
  return ((await read()) as [string, string][]).flatMap(([name, values]) =>
    before.get(name) === values ? [] : [name],
  );
}

const head = ["head.weight", "head.bias"];
const all = ["body.0.weight", "body.0.bias", ...head];

test("what is frozen between two trainings stays as it is, and the other way round", async () => {
  const model = modelOf();
  const trainer = trainerOf(model);
  const go = (epochs: number, resume = false) => trainer.fit(rows, { epochs, batchSize: 8, resume });
  expect((await changedBy(model, () => go(1))).sort()).toEqual([...all].sort());
  const bytes = trainer.memory.total;
  nn.freeze(model, "body");
  expect((await changedBy(model, () => go(2, true))).sort()).toEqual([...head].sort());
  expect(trainer.memory.total).toBeLessThanOrEqual(bytes); // no program is left behind
  nn.unfreeze(model);
  expect((await changedBy(model, () => go(3, true))).sort()).toEqual([...all].sort());
  await trainer.destroy();
});

test("the optimizer keeps its state when programs are made again", async () => {
  const run = async (freezes: boolean) => {
    const model = modelOf();
    const trainer = trainerOf(model);
    await trainer.fit(rows, { epochs: 1, batchSize: 8 });
    if (freezes) {
      nn.freeze(model, "body");
      await trainer.compile({ fit: 8 });
      nn.unfreeze(model, "body");
    }
    const { epochs } = await trainer.fit(rows, { epochs: 3, batchSize: 8, resume: true });
    return epochs.map(({ loss }) => loss);
  };
  expect(await run(true)).toEqual(await run(false));
});

test("a trainer that only predicts takes the checkpoint of one that trains", async () => {
  for (const averaged of [false, true]) {
    const model = modelOf();
    const trained = trainerOf(model, averaged ? optim.ema(model, { decay: 0.5 }) : undefined);
    await trained.fit(rows, { epochs: 2, batchSize: 8 });
    const expected = await trained.predict(rows.x);
    const other = modelOf();
    const serving = new Trainer({ engine, model: other, ...(averaged && { ema: optim.ema(other) }) });
    await serving.load(await trained.save());
    expect(await serving.predict(rows.x.data)).toEqual(expected);
    await expect(serving.fit(rows)).rejects.toThrow("fit: loss is missing");
  }
});
