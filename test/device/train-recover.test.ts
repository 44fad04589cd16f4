import { describe, expect, test } from "vitest";
import { Engine, nn, optim } from "../../src/index.ts";
import { recover } from "../../src/recover/index.ts";
import { type Callback, earlyStopping, reduceLROnPlateau } from "../../src/train/index.ts";
import { onceAt } from "../recovering.ts";
import { samples, timeless, trainerOf, weightsOf } from "../trainers.ts";
import { atWait } from "../waits.ts";

/* `fit` goes back to the last snapshot when the device is lost: data, history and callbacks with it. */

const count = 45;
const data = samples(count);
const validation = samples(20);

async function setUp(everyMs: number | undefined) {
  const engine = await Engine.create();
  const recovery = everyMs === undefined ? undefined : recover(engine, { everyMs });
  nn.seed(5);
  const model = nn.sequential(nn.linear(3, 8), nn.relu(), nn.dropout(0.2), nn.linear(8, 2));
  const trainer = trainerOf(engine, model, optim.adam({ lr: 0.03 }));
  /** Acts while the data is read: before the n-th batch, counted over all epochs. */
  const train = async (act: (batch: number) => unknown, more: readonly Callback[] = []) => {
    let batch = 0;
    const read = async function* () {
      for (let at = 0; at < count; at += 8) {
        await act(batch++);
        const rows = Math.min(8, count - at);
        yield {
          x: { data: data.x.data.slice(3 * at, 3 * (at + rows)), shape: [rows, 3] },
          y: { data: data.y.data.slice(at, at + rows), shape: [rows] },
        };
      }
    };
    const callbacks = [reduceLROnPlateau({ patience: 0 }), earlyStopping({ patience: 3 }), ...more];
    return trainer.fit(read, {
      epochs: 5,
      batchSize: 8,
      validationData: validation,
      history: "step",
      progressEvery: 0,
      callbacks,
    });
  };
  const weights = () => weightsOf(engine, model);
  return { engine, recovery, trainer, train, weights };
}

async function undisturbed() {
  const { engine, train, weights } = await setUp(undefined);
  const whole = { history: timeless(await train(() => {})), weights: await weights() };
  engine.destroy();
  return whole;
}

test("history and weights are those of an undisturbed run, to the bit", async () => {
  const whole = await undisturbed();
  // With snapshots as often as possible, and with only that of the beginning.
  for (const everyMs of [0, 1e9]) {
    const { engine, recovery, train, weights } = await setUp(everyMs);
    const epochs: number[] = [];
    recovery!.addEventListener("restored", ({ detail }) =>
      epochs.push((detail.position as { position: { epoch: number } }).position.epoch),
    );
    let begun = 0;
    const lose = onceAt([9, 17, 20], () => engine.device.destroy());
    const history = await train(
      async (batch) => {
        // By then, the copies of a snapshot that was begun are done, too.
        await engine.device.queue.onSubmittedWorkDone();
        lose(batch);
      },
      [{ onTrainBegin: () => begun++ }],
    );
    expect(timeless(history)).toEqual(whole.history);
    expect(await weights()).toEqual(whole.weights);
    expect(begun).toBe(1);
    expect(epochs).toHaveLength(3);
    if (everyMs > 0) expect(epochs).toEqual([0, 0, 0]);
    else expect(Math.max(...epochs)).toBeGreaterThan(0);
    // The end of a training is a snapshot, too.
    const { lost } = engine;
    engine.device.destroy();
    await lost;
    await recovery!.restored();
    expect(await weights()).toEqual(whole.weights);
    engine.destroy();
  }
});

test("the same whatever fit awaits when the device is lost: compiling, running, reading, validating, the last snapshot", async () => {
  const whole = await undisturbed();
  const counting = atWait(-1, () => {});
  const { engine, train } = await setUp(0);
  await train(() => {});
  engine.destroy();
  const points = counting.count;
  counting.undo();
  expect(points).toBeGreaterThan(30);
  // How many waits there are depends on the speed of snapshots.
  for (let n = 1; n < 0.7 * points; n += Math.ceil(points / 12)) {
    const { engine, train, weights } = await setUp(0);
    let lost = 0;
    void engine.lost.then(() => lost++);
    const wait = atWait(n, () => engine.device.destroy());
    const history = await train(() => {});
    wait.undo();
    expect([timeless(history), await weights()], `at ${n} of ${points}`).toEqual([whole.history, whole.weights]);
    expect(lost).toBe(1);
    engine.destroy();
  }
});

test("a checkpoint that the device did not survive is left out, and a later one is whole", async () => {
  const { engine, train, trainer, weights } = await setUp(0);
  const files: Uint8Array<ArrayBuffer>[] = [];
  const saved: Promise<Uint8Array<ArrayBuffer> | string>[] = [];
  const history = await train(
    onceAt([11], () => {
      saved.push(trainer.save().catch(({ name }) => name));
      engine.device.destroy();
    }),
    [{ onEpochEnd: async (_, training) => void files.push(await training.save()) }],
  );
  expect(history.epochs).toHaveLength(5);
  const after = await weights();
  // The engine may be on its next device before the file is begun: then it is whole.
  const [file] = await Promise.all(saved);
  if (typeof file === "string") expect(file).toBe("DeviceLostError");
  else trainer.load(file!);
  trainer.load(files.at(-1)!);
  if (history.stopped === undefined) expect(await trainer.evaluate(validation)).toBeDefined();
  expect(after.every(Number.isFinite)).toBe(true);
  engine.destroy();
});

describe("what cannot go on says so", () => {
  test("data that can be read only once", async () => {
    const { engine, trainer } = await setUp(0);
    async function* once() {
      for (let i = 0; i < 30; i++) {
        if (i === 12) engine.device.destroy();
        yield { x: { data: new Float32Array([i, 1, 2]), shape: [1, 3] }, y: new Int32Array([i % 2]) };
      }
    }
    await expect(trainer.fit(once(), { batchSize: 2 })).rejects.toThrow(
      /fit: the device was lost, and the data is an iterator/,
    );
    engine.destroy();
  });

  test("an engine without a recovery", async () => {
    const { engine, train } = await setUp(undefined);
    await expect(train(onceAt([7], () => engine.device.destroy()))).rejects.toThrow(/^the GPU device was lost/);
    engine.destroy();
  });
});
