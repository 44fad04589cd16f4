import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Engine, NonFiniteError, nn } from "../../src/index.ts";
import { type Callback, earlyStopping, type History, type Item } from "../../src/train/index.ts";
import { samples, seeded, weightsOf } from "../trainers.ts";

let engine: Engine;
beforeAll(async () => {
  engine = await Engine.create();
});
afterAll(() => engine.destroy());

const trainer = () => seeded(engine);

/** A source that gives some batches, and then nothing until it fails. */
function stalling(batches: number) {
  let fail: (error: Error) => void = () => {};
  const stall = new Promise<never>((_, reject) => {
    fail = reject;
  });
  let reached: () => void = () => {};
  const stalled = new Promise<void>((resolve) => {
    reached = resolve;
  });
  async function* read(): AsyncGenerator<Item> {
    for (let i = 0; i < batches; i++) yield samples(4);
    reached();
    await stall;
  }
  return { read, fail: (error: Error) => fail(error), stalled };
}

const untilAsked = () => new Promise((done) => setTimeout(done, 20));

describe("whatever waits for a training settles", () => {
  test("a save and a pause while it waits for data", async () => {
    const own = trainer();
    const { read, fail, stalled } = stalling(3);
    const fitted = own.fit(() => read(), { batchSize: 4 });
    fitted.catch(() => {});
    await stalled;
    const bytes = await own.save();
    await own.pause();
    expect(own.state).toBe("paused");
    fail(new Error("network"));
    await expect(fitted).rejects.toThrow("network");
    own.resume();
    const other = trainer();
    await other.load(bytes);
    expect(other.history?.epochs).toEqual([]);
    expect((await own.fit(samples(8), { batchSize: 4 })).epochs).toHaveLength(1);
  });

  test("a pause before the first samples, when the data fails", async () => {
    const own = trainer();
    const { read, fail, stalled } = stalling(0);
    const fitted = own.fit(() => read());
    fitted.catch(() => {});
    await stalled;
    const paused = own.pause();
    fail(new Error("network"));
    await expect(fitted).rejects.toThrow("network");
    await paused;
    expect(own.state).toBe("idle");
  });

  // The training ends some microtasks after its last callback: a save may be asked for in any of them.
  test("a save after the last step, whenever it comes", async () => {
    const own = trainer();
    for (let ticks = 0; ticks < 16; ticks++) {
      let saved: Promise<Uint8Array> | undefined;
      const last: Callback = {
        onTrainEnd() {
          let turn = Promise.resolve();
          for (let i = 0; i < ticks; i++) turn = turn.then(() => {});
          void turn.then(() => {
            saved = own.save();
          });
        },
      };
      await own.fit(samples(8), { batchSize: 4, callbacks: [last] });
      await untilAsked();
      expect((await saved!).length).toBeGreaterThan(100);
    }
  });

  test("a save that a failing callback has asked for, or still awaits while another thing fails", async () => {
    const own = trainer();
    let saved: Promise<Uint8Array> | undefined;
    const failing: Callback = {
      onEpochEnd() {
        saved = own.save();
        throw new Error("callback");
      },
    };
    await expect(own.fit(samples(8), { callbacks: [failing] })).rejects.toThrow("callback");
    expect((await saved!).length).toBeGreaterThan(100);

    const { read, fail, stalled } = stalling(2);
    const saving: Callback = {
      async onBatchEnd(_, training) {
        fail(new Error("network"));
        await untilAsked();
        saved = training.save();
        await saved;
      },
    };
    const fitted = own.fit(() => read(), { batchSize: 4, progressEvery: 0, callbacks: [saving] });
    fitted.catch(() => {});
    await stalled;
    await expect(fitted).rejects.toThrow("network");
    expect((await saved!).length).toBeGreaterThan(100);
  });
});

describe("a signal ends a training whose data stalls", () => {
  test.each([0, 2])("after %i batches, and the source is told", async (batches) => {
    const own = trainer();
    const stop = new AbortController();
    const { read, stalled } = stalling(batches);
    let told = 0;
    const source = (): AsyncIterable<Item> => {
      const items = read();
      return {
        [Symbol.asyncIterator]: () => ({
          next: () => items.next(),
          return() {
            told++;
            return new Promise(() => {});
          },
        }),
      };
    };
    const fitted = own.fit(source, { batchSize: 4, signal: stop.signal });
    await stalled;
    const paused = own.pause();
    stop.abort();
    const history = await fitted;
    await paused;
    own.resume();
    expect([history.stopped, history.epochs.length, told, own.state]).toEqual(["aborted", 0, 1, "idle"]);
    expect((await own.fit(samples(8), { batchSize: 4 })).epochs).toHaveLength(1);
  });
});

test.each([0, 2])("a signal ends a training whose validation stalls after %i batches", async (batches) => {
  const own = trainer();
  const stop = new AbortController();
  const { read, stalled } = stalling(batches);
  const fitted = own.fit(samples(8), {
    validationData: () => read(),
    validationBatchSize: 4,
    batchSize: 4,
    signal: stop.signal,
  });
  await stalled;
  stop.abort();
  const history = await fitted;
  expect([history.stopped, history.epochs.length, own.state]).toEqual(["aborted", 0, "idle"]);
  expect((await own.evaluate(samples(8))).loss).toBeGreaterThan(0);
});

describe("a training that is resumed after an error has the numbers of all its steps", () => {
  const options = { batchSize: 4, shuffle: false, history: "step", progressEvery: 1e9 } as const;
  /** Loss of the epoch and of its steps. */
  const lossesOf = ({ epochs, steps }: History) => [epochs[0]!.loss, ...steps.map(({ loss }) => loss)];

  test.each(["a source that fails", "a label out of range"])("after %s", async (fault) => {
    const whole = lossesOf(await seeded(engine).fit(() => [samples(20)], { ...options, epochs: 1 }));
    const own = seeded(engine);
    const first = samples(20);
    const failing = function* (): Generator<Item> {
      if (fault === "a label out of range") first.y.data[13] = 7;
      else first.x = { data: first.x.data.slice(0, 36), shape: [12, 3] };
      if (fault !== "a label out of range") first.y = { data: first.y.data.slice(0, 12), shape: [12] };
      yield first;
      throw new Error("network");
    };
    await expect(own.fit(failing, options)).rejects.toThrow();
    expect(lossesOf(await own.fit(() => [samples(20)], { ...options, resume: true }))).toEqual(whole);
  });
});

test("early stopping restores the best weights also where the training ends with an error", async () => {
  // Without an activation, some of which have finite values for NaN.
  const own = seeded(engine, { model: () => nn.linear(3, 2) });
  const weights = () => weightsOf(engine, own);
  let best: unknown;
  const watching: Callback = {
    async onEpochEnd({ epoch }) {
      if (epoch === 1) best = await weights();
    },
    onTrainError() {
      throw new Error("dropped");
    },
  };
  /** No finite loss in the fourth epoch. */
  const data = (epoch: number) => {
    const all = samples(16);
    if (epoch === 3) all.x.data.fill(Number.NEGATIVE_INFINITY);
    return [all];
  };
  // Only the first epoch is better than nothing by so much.
  const stopping = earlyStopping({ monitor: "loss", patience: 9, minDelta: 1 });
  const options = { batchSize: 16, epochs: 6, callbacks: [watching, stopping] };
  await expect(own.fit(data, options)).rejects.toThrow(NonFiniteError);
  expect(own.history!.epochs).toHaveLength(3);
  expect(own.history!.best).toBe(1);
  expect(await weights()).toEqual(best);
});
