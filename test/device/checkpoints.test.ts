import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { type CheckpointOptions, checkpoints } from "../../src/checkpoints/index.ts";
import { AttributeError, Engine, FormatError, input, io, losses, nn, optim } from "../../src/index.ts";
import { indexedDBStore, memoryStore, opfsStore, type Store } from "../../src/store/index.ts";
import { Trainer } from "../../src/train/index.ts";

let engine: Engine;
beforeAll(async () => {
  engine = await Engine.create();
});
afterAll(() => engine.destroy());

/** A small model with a value that tells which step it has reached. */
const model = nn.linear(3, 2);
const training = { model };
const weight = model.variables.get("weight")!;
const set = (step: number): void => engine.write(weight, new Float32Array(6).fill(step));
const reached = async (): Promise<number> => (await engine.read(weight))[0]!;

const stores: [string, () => Store][] = [
  ["memory", memoryStore],
  ...(globalThis.indexedDB
    ? ([
        ["IndexedDB", () => indexedDBStore({ name: `test ${crypto.randomUUID()}` })],
        ["OPFS", () => opfsStore({ folder: `tests/${crypto.randomUUID()}` })],
      ] satisfies [string, () => Store][])
    : []),
];

describe.each(stores)("in %s", (_, make) => {
  test("files are written, read, listed and removed", async () => {
    const store = make();
    expect(await store.list()).toEqual([]);
    expect(await store.read("a.bin")).toBeUndefined();
    const whole = new Uint8Array([1, 2, 3, 4]);
    await store.write("b", whole.subarray(1, 3));
    await store.write("a.bin", new Uint8Array(0));
    whole.fill(9);
    expect([...(await store.read("b"))!]).toEqual([2, 3]);
    expect((await store.read("b"))!.buffer.byteLength).toBe(2);
    await store.write("b", new Uint8Array([5]));
    await store.remove("a.bin");
    await store.remove("a.bin");
    const [entry, ...others] = await store.list();
    expect(others).toEqual([]);
    expect(entry).toMatchObject({ name: "b", bytes: 1 });
    expect(Math.abs(entry!.modified.getTime() - Date.now())).toBeLessThan(600_000);
  });

  test("the last three of five saves are kept, newest first, and the last one loads", async () => {
    const store = make();
    await store.write("other.txt", new Uint8Array(1));
    const saves = checkpoints<{ batch: number }, number[]>(store, { name: "run" });
    expect(await saves.load(engine, training)).toBeUndefined();
    for (let step = 1; step <= 5; step++) {
      set(step);
      const saved = await saves.save(engine, training, { step, position: { batch: step }, history: [1 / step] });
      expect(saved).toEqual((await saves.list())[0]);
    }
    const all = await saves.list();
    expect(all.map(({ step }) => step)).toEqual([5, 4, 3]);
    expect(all.every(({ version, bytes, date }) => version === 1 && bytes > 24 && date <= all[0]!.date)).toBe(true);
    set(9);
    expect(await saves.load(engine, training)).toEqual({ step: 5, position: { batch: 5 }, history: [1 / 5] });
    expect(await reached()).toBe(5);
    expect(await saves.load(engine, training, all[2])).toMatchObject({ step: 3 });
    expect(await reached()).toBe(3);
    await saves.remove(all[0]!);
    expect((await saves.latest())!.step).toBe(4);
    expect((await store.list()).map(({ name }) => name)).toContain("other.txt");
  });

  test("a torn file is passed over with a warning that names it", async () => {
    const store = make();
    const warn = vi.fn();
    const saves = checkpoints(store, { name: "run", keep: 5, warn });
    const saved = [];
    for (let step = 1; step <= 3; step++) {
      set(step);
      saved.push(await saves.save(engine, training, { step }));
    }
    const last = (await store.read(saved[2]!.file))!;
    await store.write(saved[2]!.file, last.subarray(0, last.length / 2));
    const middle = (await store.read(saved[1]!.file))!;
    middle[middle.length - 1]! ^= 1;
    await store.write(saved[1]!.file, middle);
    expect(await saves.load(engine, training)).toEqual({ step: 1, position: null, history: null });
    expect(await reached()).toBe(1);
    expect(warn.mock.calls.map(([message]) => message)).toEqual([
      `checkpoints: "${saved[2]!.file}" in ${store.name} does not match its checksum: it is passed over`,
      `checkpoints: "${saved[1]!.file}" in ${store.name} does not match its checksum: it is passed over`,
    ]);
    await expect(saves.load(engine, training, saved[1])).rejects.toThrow(`${saved[1]!.file}: does not match`);
  });
});

test("every bit of a file is under its checksum", async () => {
  const store = memoryStore();
  const saves = checkpoints(store, { name: "run", warn: () => {} });
  const { file, bytes } = await saves.save(engine, training, { step: 1, history: { loss: [0.5] } });
  const sound = (await store.read(file))!;
  for (let at = 0; at < bytes; at++) {
    const torn = sound.slice();
    torn[at]! ^= 4;
    await store.write(file, torn);
    expect(await saves.latest(), `byte ${at}`).toBeUndefined();
  }
  for (const length of [0, 7, 8, 40, bytes - 1]) {
    await store.write(file, sound.subarray(0, length));
    expect(await saves.latest(), `${length} bytes`).toBeUndefined();
  }
});

test("saves that overlap hold the values of their call, in its order", async () => {
  const saves = checkpoints(memoryStore(), { name: "run", keep: Infinity });
  const saving = [1, 2, 3, 4].map((step) => {
    set(step);
    return saves.save(engine, training, { step });
  });
  set(9);
  const saved = await Promise.all(saving);
  expect((await saves.list()).map(({ step }) => step)).toEqual([4, 3, 2, 1]);
  for (const checkpoint of saved) {
    await saves.load(engine, training, checkpoint);
    expect(await reached()).toBe(checkpoint.step);
  }
});

test("a failed save removes nothing, and the next one works", async () => {
  const store = memoryStore();
  const saves = checkpoints(store, { name: "run", keep: 1 });
  await saves.save(engine, training, { step: 1 });
  const { write } = store;
  store.write = async () => {
    throw new Error("full");
  };
  await expect(saves.save(engine, training, { step: 2 })).rejects.toThrow("full");
  expect((await saves.list()).map(({ step }) => step)).toEqual([1]);
  store.write = write;
  await saves.save(engine, training, { step: 3 });
  expect((await saves.list()).map(({ step }) => step)).toEqual([3]);
});

test("a run that starts over counts as newer, and runs do not see each other's files", async () => {
  const store = memoryStore();
  const saves = checkpoints(store, { name: "run" });
  const other = checkpoints(store, { name: "run.step2" });
  vi.useFakeTimers({ toFake: ["Date"], now: new Date("2030-01-01") });
  await saves.save(engine, training, { step: 100 });
  vi.setSystemTime(new Date("2026-01-01")); // The clock was set back.
  await saves.save(engine, training, { step: 1 });
  await other.save(engine, training, { step: 7 });
  vi.useRealTimers();
  expect((await saves.list()).map(({ step }) => step)).toEqual([1, 100]);
  expect((await other.list()).map(({ step }) => step)).toEqual([7]);
});

test("position and history keep every number, and anything but plain data is named", async () => {
  const saves = checkpoints(memoryStore(), { name: "run" });
  const history = { loss: [0.1 + 0.2, Number.NaN, Infinity, -Infinity, -0, 5e-324], about: { Ünï: null, no: false } };
  await saves.save(engine, training, { step: 1, position: "batch 3", history });
  const loaded = (await saves.load(engine, training))!;
  expect(loaded).toEqual({ step: 1, position: "batch 3", history });
  expect(Object.is((loaded.history as typeof history).loss[4], -0)).toBe(true);
  const circle: unknown[] = [];
  circle.push(circle);
  for (const [bad, message] of [
    [
      { loss: [1, new Float32Array(2)] },
      "history.loss[1] is a Float32Array, expected a number, text, list or plain object",
    ],
    [new Map(), "history is a Map, expected"],
    [[1n], "history[0] is 1, expected"],
    [{ f: () => 1 }, "history.f is a function, expected"],
    [circle, "history[0] is [[…]], expected no circle"],
  ] as const) {
    await expect(saves.save(engine, training, { step: 1, history: bad })).rejects.toThrow(
      `checkpoints.save: ${message}`,
    );
  }
});

test("a checkpoint of another model or optimizer lists all that differs, and changes nothing", async () => {
  const run = async (hidden: number, layers: number, optimizer: optim.Optimizer) => {
    const body = Array.from({ length: layers }, () => nn.linear(hidden, hidden));
    const model = nn.sequential(nn.linear(3, hidden), ...body, nn.linear(hidden, 2));
    const loss = losses.crossEntropy(model(input("x", [4, 3])), input("y", [4], "i32"));
    await engine.compile({ updates: optimizer.minimize(loss) });
    return { model, optimizer: optimizer.state(model.variables) };
  };
  const store = memoryStore();
  const saves = checkpoints(store, { name: "run" });
  const [adam, bigger] = [await run(4, 0, optim.adam()), await run(5, 1, optim.sgd({ lr: 0.1, momentum: 0.9 }))];
  const { file } = await saves.save(engine, adam, { step: 1 });
  const first = bigger.model.variables.get("0.weight")!;
  const before = await engine.read(first);
  await expect(saves.load(engine, bigger)).rejects.toThrow(
    new io.MismatchError(
      `${file}: is of another run: "optimizer" is of optim.adam, here of optim.sgd; "0.weight" is [4, 3], here [5, 3]; ` +
        '"0.bias" is [4], here [5]; "1.weight" is [2, 4], here [5, 5]; "1.bias" is [2], here [5]; ' +
        "2 tensors are missing: 2.weight, 2.bias",
      ["2.weight", "2.bias"],
      [],
      ["0.weight", "0.bias", "1.weight", "1.bias"],
    ),
  );
  expect(await engine.read(first)).toEqual(before);
  // The same state by name, but another rule.
  await expect(saves.load(engine, await run(4, 0, optim.adamW()))).rejects.toThrow(
    `${file}: is of another run: "optimizer" is of optim.adam, here of optim.adamW`,
  );
  const { model } = adam;
  await expect(saves.load(engine, { model })).rejects.toThrow(
    /10 tensors are unexpected: optimizer\.lr, optimizer\.step/,
  );
});

test("files of a later version, of no version, and of no run are refused by name", async () => {
  const store = memoryStore();
  const saves = checkpoints(store, { name: "run" });
  const { file } = await saves.save(engine, training, { step: 1 });
  const later = file.replace(".v1.", ".v2.").replace(/step1\.\d{4}/, "step1.9999");
  await store.write(later, new Uint8Array(3));
  await expect(saves.load(engine, training)).rejects.toThrow(
    `${later}: is of version 2; this tilegrad reads version 1: use a later one`,
  );
  const bytes = (await store.read(file))!;
  expect(await saves.load(engine, training, { name: "mine", bytes })).toMatchObject({ step: 1 });
  const text = new TextDecoder("latin1").decode(bytes).replace('\\"version\\":1', '\\"version\\":2');
  const renamed = Uint8Array.from(text, (c) => c.charCodeAt(0));
  await expect(saves.load(engine, training, { name: "mine", bytes: renamed })).rejects.toThrow("mine: is of version 2");
  const weights = await io.saveSafetensors(engine, model);
  await expect(saves.load(engine, training, { name: "mine", bytes: weights })).rejects.toThrow(
    "mine: is no checkpoint",
  );
  await expect(saves.load(engine, training, { ...(await saves.list())[1]!, file: "run.gone" })).rejects.toThrow(
    "run.gone: is no longer in memoryStore",
  );
});

test("files of an app's own are kept like checkpoints, a Trainer's among them", async () => {
  const make = () => {
    nn.seed(1);
    const model = nn.sequential(nn.linear(2, 8), nn.dropout(0.2), nn.linear(8, 1));
    return new Trainer({ engine, model, loss: losses.mse, optimizer: optim.adam() });
  };
  const x = { data: Float32Array.from({ length: 64 }, (_, i) => Math.sin(i * i)), shape: [32, 2] };
  const options = { epochs: 2, batchSize: 8 };
  const store = memoryStore();
  const saves = checkpoints(store, { name: "fit" });
  const trainer = make();
  const y = { data: new Float32Array(32).fill(0.5), shape: [32, 1] };
  await trainer.fit({ x, y }, options);
  const bytes = await trainer.save();
  const saved = await saves.add(bytes, { step: 8 });
  const latest = (await saves.latest())!;
  expect(latest).toMatchObject({ file: saved.file, step: 8, position: null });
  expect(io.parseSafetensors(latest.content).tensors).toEqual(io.parseSafetensors(bytes).tensors);
  // Kept once more, it is the same file.
  await saves.add(latest.content, { step: 8 });
  expect((await saves.latest())!.content).toEqual(latest.content);
  const goOn = async (trainer: { fit: Trainer["fit"] }) =>
    (await trainer.fit({ x, y }, { ...options, epochs: 4, resume: true })).epochs.map(({ loss }) => loss);
  const expected = await goOn(trainer);
  const other = make();
  await other.load(latest.content);
  expect(await goOn(other)).toEqual(expected);
  expect(expected).toHaveLength(4);
  await expect(saves.add(new Uint8Array(3), { step: 1 })).rejects.toThrow(FormatError);
  const odd = await io.saveSafetensors(engine, model, { 7: "seven" });
  await expect(saves.add(odd, { step: 1 })).rejects.toThrow("checkpoints: a whole number is the name of metadata");
});

test("wrong arguments are named", async () => {
  const store = memoryStore();
  const wrong = (options: unknown) => () => checkpoints(store, options as CheckpointOptions);
  expect(() => checkpoints({} as Store, { name: "a" })).toThrow("checkpoints: the store is an object, expected");
  expect(wrong({})).toThrow("checkpoints: the file's name is missing, expected");
  expect(wrong({ name: "a/b" })).toThrow(AttributeError);
  expect(wrong({ name: "x".repeat(101) })).toThrow("expected up to 100 characters");
  expect(wrong({ name: "a", keep: 0 })).toThrow("checkpoints: keep is 0, expected a whole number from 1");
  expect(wrong({ name: "a", kept: 3 })).toThrow('checkpoints: there is no option "kept"');
  const saves = checkpoints(store, { name: "a" });
  await expect(saves.save(engine, training, { step: -1 })).rejects.toThrow("checkpoints.save: step is -1, expected");
  await expect(saves.save(engine, training, {} as never)).rejects.toThrow("checkpoints.save: step is missing");
});
