import { afterEach, describe, expect, test } from "vitest";
import {
  AttributeError,
  DeviceLostError,
  Engine,
  FeedError,
  FormatError,
  io,
  nn,
  StateError,
  type TilegradError,
} from "../../src/index.ts";
import { StoreError } from "../../src/store/index.ts";
import { type ConnectOptions, connect, moved, type RemoteTrainer } from "../../src/worker/index.ts";
import type methods from "./workers/methods.worker.ts";
import type points from "./workers/points.worker.ts";
import { trainerOf, x, y } from "./workers/points.worker.ts";

type Points = typeof points;

const inPage = () => import("./workers/points.worker.ts");
const file = () => new Worker(new URL("./workers/points.worker.ts", import.meta.url), { type: "module" });
/** A worker as it is where workers have no WebGPU. */
const blind = () => {
  const ready = { tilegrad: "ready", missing: "workers have no WebGPU in this browser" };
  return new Worker(URL.createObjectURL(new Blob([`postMessage(${JSON.stringify(ready)})`])));
};

const hasWorkers = typeof Worker === "function";
const ways: readonly ["worker" | "page", () => Worker][] = hasWorkers
  ? [
      ["worker", file],
      ["page", blind],
    ]
  : [["page", file]];

const open: RemoteTrainer<Points>[] = [];
afterEach(() => {
  for (const remote of open.splice(0)) remote.terminate();
});

describe.each(ways)("in a %s", (where, start) => {
  const begin = async (options: Partial<ConnectOptions<Points>> = {}): Promise<RemoteTrainer<Points>> => {
    const remote = await connect<Points>(start, { given: {}, inPage, ...options });
    open.push(remote);
    return remote;
  };
  const failureOf = async (act: () => Promise<unknown>): Promise<TilegradError> => {
    try {
      await act();
    } catch (error) {
      return error as TilegradError;
    }
    throw new Error("nothing was thrown");
  };

  test("a training gives the same bits as one without a worker, and reports its progress", async () => {
    const engine = await Engine.create();
    const local = trainerOf(engine);
    const options = { epochs: 6, batchSize: 16, seed: 5, progressEvery: 1 };
    const expected = await local.fit({ x, y }, { ...options, validationData: { x, y } });

    const messages: unknown[] = [];
    const remote = await begin({ onMessage: (message) => messages.push(message) });
    expect(remote.where).toBe(where);
    expect(remote.adapter).toBe(engine.adapter);
    if (where === "worker") expect(remote.reason).toBeUndefined();
    else expect(remote.reason).toMatch(/^workers have no WebGPU in this browser$|^there are no workers here$/);
    expect(messages).toEqual([{ loaded: 0.5 }, { loaded: 1 }]);

    const seen: number[] = [];
    const epochs: number[] = [];
    const history = await remote.fit("train", {
      ...options,
      validationData: "validation",
      onProgress: ({ samples, logs }) => seen.push(samples + 0 * logs.loss + 0 * logs.distance),
      onEpochEnd: ({ epoch, val_loss }) => epochs.push(epoch + 0 * val_loss!),
    });
    const plain = (all: typeof expected) => all.epochs.map(({ seconds, ...rest }) => rest);
    expect(plain(history)).toEqual(plain(expected));
    expect(epochs).toEqual([1, 2, 3, 4, 5, 6]);
    expect(seen.length).toBeGreaterThan(0);
    expect(await remote.history()).toEqual(history);
    expect(await remote.state()).toBe("idle");
    const { loss, distance } = await remote.evaluate("validation");
    expect({ loss, distance }).toEqual(await local.evaluate({ x, y }));
    const prediction = await remote.predict(x);
    expect(prediction).toEqual(await local.predict(x));
    const weights = await remote.weights();
    for (const [name, variable] of local.variables)
      expect(weights[name]).toEqual({ data: await engine.read(variable), shape: variable.shape });

    // A saved training goes on elsewhere.
    const bytes = await remote.save();
    const further = await remote.fit("train", { ...options, epochs: 8, resume: true });
    await local.load(bytes);
    const locally = await local.fit({ x, y }, { ...options, epochs: 8, resume: true });
    expect(plain(further)).toEqual(plain(locally));
    engine.destroy();
  });

  test("results are moved, and arguments if they are marked", async () => {
    const table = new Float32Array([1, 2, 3]);
    const remote = await begin({ given: moved({ table }) });
    expect(table.buffer.byteLength).toBe(0);
    expect(await remote.methods.sumOfTable()).toBe(6);
    const { last } = await remote.methods.give(1000);
    expect([last.length, last[999]]).toEqual([1000, 7]);
    expect(await remote.methods.isGone()).toBe(true);
    expect(await remote.methods.copy()).toEqual({ last: new Float32Array([1, 1, 1]), kept: 0 });

    const values = new Float32Array([1, 2, 3]);
    expect(await remote.methods.total(values)).toBe(6);
    expect(values).toHaveLength(3);
    expect(await remote.methods.total(moved(values))).toBe(6);
    expect(values).toHaveLength(0);

    await remote.predict(x);
    const bytes = await remote.save();
    await remote.load(bytes);
    expect(bytes.length).toBeGreaterThan(0);
    await remote.load(moved(bytes));
    expect(bytes).toHaveLength(0);
    const own = { data: x.data.slice(), shape: x.shape };
    const { data } = await remote.predict(moved(own));
    expect(own.data).toHaveLength(0);
    expect(data).toHaveLength(64);
    const pair = { x: { ...x, data: x.data.slice() }, y: { ...y, data: y.data.slice() } };
    await remote.evaluate(moved(pair));
    expect([pair.x.data.length, pair.y.data.length]).toEqual([0, 0]);
  });

  test("many calls at once get their own results, also while a training runs", async () => {
    const remote = await begin();
    const training = remote.fit("train", { epochs: 30, batchSize: 16 });
    const each = Array.from({ length: 20 }, async (_, i) => {
      const { data } = await remote.predict({ data: x.data.slice(0, 2 + 2 * i), shape: [1 + i, 2] });
      return [data.length, await remote.methods.total(new Float32Array([i]))];
    });
    expect(await Promise.all(each)).toEqual(Array.from({ length: 20 }, (_, i) => [1 + i, i]));
    expect((await training).epochs).toHaveLength(30);
  });

  test("a training pauses, goes on and stops by its signal", async () => {
    const remote = await begin();
    const stop = new AbortController();
    let told = 0;
    const training = remote.fit("train", {
      epochs: 100_000,
      batchSize: 16,
      progressEvery: 5,
      signal: stop.signal,
      onProgress: () => told++,
    });
    await expect.poll(() => told).toBeGreaterThan(1);
    await remote.pause();
    expect(await remote.state()).toBe("paused");
    const before = await remote.weights();
    for (let i = 0; i < 5; i++) await remote.predict(x);
    expect(await remote.weights()).toEqual(before);
    await remote.resume();
    const then = told;
    await expect.poll(() => told).toBeGreaterThan(then);
    expect(await remote.weights()).not.toEqual(before);
    stop.abort();
    expect((await training).stopped).toBe("aborted");
  });

  test("a signal that is aborted already lets no step through, and callbacks of the page are refused", async () => {
    const remote = await begin();
    const before = await remote.weights();
    const history = await remote.fit("train", { epochs: 500, history: "step", signal: AbortSignal.abort() });
    expect([history.stopped, history.steps]).toEqual(["aborted", []]);
    expect(await remote.weights()).toEqual(before);
    const error = await failureOf(() => remote.fit("train", { callbacks: [] } as never));
    expect(error).toBeInstanceOf(AttributeError);
    expect(error.message).toContain("fit: callbacks is [], expected none: they belong to the worker");
  });

  test("an error in the page's own callback ends the training, and is its error", async () => {
    const remote = await begin();
    const onProgress = () => {
      throw new RangeError("no such element");
    };
    const error = await failureOf(() => remote.fit("train", { epochs: 100_000, progressEvery: 5, onProgress }));
    expect(error).toEqual(new RangeError("no such element"));
    expect(await remote.state()).toBe("idle");
  });

  test("errors arrive with class, name, message and cause", async () => {
    const remote = await begin();
    const engine = await Engine.create();
    const missing = await failureOf(() => remote.fit("test" as "train"));
    expect(missing).toBeInstanceOf(StateError);
    expect(missing.message).toBe('data: there is no data "test", only "train", "validation"');
    expect(await failureOf(() => remote.fit("train", { epochs: -1 }))).toBeInstanceOf(AttributeError);
    const feed = await failureOf(() => remote.predict({ data: new Float32Array(3), shape: [1, 2] }));
    expect(feed.constructor.name).toMatch(/^(ShapeError|FeedError)$/);
    expect(feed).not.toBeInstanceOf(StateError);
    const format = await failureOf(() => remote.load(new Uint8Array(3), "mine.safetensors"));
    expect(format).toBeInstanceOf(FormatError);
    expect(format.name).toBe("FormatError");
    expect(format.message).toMatch(/^mine\.safetensors: /);
    expect(format.stack).toContain("mine.safetensors");
    const other = await io.saveSafetensors(engine, nn.linear(3, 2));
    const misfit = (await failureOf(() => remote.methods.loadWeights(other))) as io.MismatchError;
    expect(misfit).toBeInstanceOf(io.MismatchError);
    expect(misfit.unexpected).toEqual(["weight", "bias"]);
    expect(misfit.missing).toHaveLength(4);
    engine.destroy();
    const { fail } = remote.methods;
    const store = await failureOf(() => fail("store"));
    expect(store).toBeInstanceOf(StoreError);
    expect(store.cause).toBeInstanceOf(DOMException);
    expect((store.cause as Error).name).toBe("QuotaExceededError");
    expect(await failureOf(() => fail("text"))).toEqual(new Error("just text"));
    expect(await failureOf(() => fail("object"))).toEqual(new Error('{"status":404}'));
    expect((await failureOf(() => fail("dom"))).name).toBe("AbortError");
    const own = await failureOf(() => fail("own"));
    expect([own instanceof Error, own.name, own.message]).toEqual([true, "OwnError", "mine"]);
    const unknown = await failureOf(() => (remote.methods as unknown as { gives(): Promise<unknown> }).gives());
    expect(unknown.message).toContain('methods: there is no method "gives"');
    // A training is unharmed by all that.
    expect((await remote.fit("train", { epochs: 2 })).epochs).toHaveLength(2);
  });

  test("an error of the setup is the error of connect", async () => {
    const error = await failureOf(() => begin({ given: { fail: true } }));
    expect(error).toBeInstanceOf(AttributeError);
    expect(error.message).toBe("setup: no such table");
    expect(error.cause).toEqual(new RangeError("row 7"));
  });

  test("a terminated worker rejects what is under way, and what comes later", async () => {
    const remote = await begin();
    const training = failureOf(() => remote.fit("train", { epochs: 100_000 }));
    await remote.state();
    const predicting = failureOf(() => remote.predict(x)); // No answer can arrive before the next line.
    remote.terminate();
    remote.terminate();
    for (const [call, error] of [
      ["fit", await training],
      ["predict", await predicting],
      ["save", await failureOf(() => remote.save())],
    ] as const) {
      expect(error).toBeInstanceOf(StateError);
      expect(error.message).toBe(`${call}: the worker has been terminated`);
    }
  });

  test("the page learns of a lost GPU", async () => {
    const remote = await begin();
    await remote.methods.lose();
    expect(await remote.lost).toMatch(/./);
    const error = await failureOf(() => remote.fit("train"));
    expect(error).toBeInstanceOf(DeviceLostError);
    expect(error.name).toBe("DeviceLostError");
  });
});

test("a worker may serve methods only, and says so where a trainer is called", async () => {
  const start = () => new Worker(new URL("./workers/methods.worker.ts", import.meta.url), { type: "module" });
  const remote = await connect<typeof methods>(start, { inPage: () => import("./workers/methods.worker.ts") });
  open.push(remote as unknown as RemoteTrainer<Points>);
  expect([...(await remote.methods.twice(Float32Array.of(1, 2.5)))]).toEqual([2, 5]);
  const failure = await remote
    .evaluate({ x: { data: Float32Array.of(1), shape: [1] } } as never)
    .catch((error) => error);
  expect(failure).toBeInstanceOf(StateError);
  expect(failure.message).toBe("evaluate: the worker serves no trainer, only methods; return one from its setup");
});

test.runIf(hasWorkers)("a worker that ends by itself is noticed", async () => {
  const start = () => new Worker(new URL("./workers/methods.worker.ts", import.meta.url), { type: "module" });
  const remote = await connect<typeof methods>(start);
  const ended = "the worker has ended: it closed itself, or the browser ended it";
  await expect(remote.methods.vanish()).rejects.toThrow(`vanish: ${ended}`);
  expect(await remote.lost).toBe(ended);
  await expect(remote.methods.twice(Float32Array.of(1, 2))).rejects.toThrow(`twice: ${ended}`);
});

test("without WebGPU in workers and without a way out, connect says what to do", async () => {
  const { reason, fix } = hasWorkers
    ? { reason: "workers have no WebGPU in this browser", fix: blind }
    : { reason: "there are no workers here", fix: file };
  await expect(connect<Points>(fix)).rejects.toThrow(`connect: ${reason}; pass inPage to train in the page instead`);
});

test.runIf(hasWorkers)("stores work in workers", async () => {
  const remote = await connect<Points>(file, { given: {} });
  open.push(remote);
  const kept = await remote.methods.keep(`worker/${crypto.randomUUID()}`);
  expect(kept).toEqual({ read: [4, 5], names: ["file"] });
});

test.runIf(hasWorkers)("a worker that does not start is an error", async () => {
  const gone = () => new Worker("/no/such/file.js");
  await expect(connect<Points>(gone, { inPage })).rejects.toThrow("connect: the worker did not start: ");
});

test.runIf(hasWorkers)("a worker whose file does not call expose, or closes itself, is an error", async () => {
  for (const code of ["", "self.close()"]) {
    const silent = () => new Worker(URL.createObjectURL(new Blob([code])));
    await expect(connect<Points>(silent, { inPage, timeoutMs: 50 })).rejects.toThrow(
      "connect: the worker did not start within 50 ms: does its file call expose",
    );
  }
});

test("wrong arguments are named", async () => {
  await expect(connect<Points>(file, { timeoutMs: 0 })).rejects.toThrow("connect: timeoutMs is 0, expected a number");
  await expect(connect("worker.ts" as never)).rejects.toThrow(AttributeError);
  await expect(connect(file, { inpage: inPage } as never)).rejects.toThrow('(did you mean "inPage"?)');
  await expect(connect<Points>(file, { inPage: "x" as never })).rejects.toThrow("connect: inPage is");
  expect(FeedError.name).toBe("FeedError");
});
