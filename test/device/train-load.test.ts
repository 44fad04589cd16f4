import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Engine, FormatError, io, optim } from "../../src/index.ts";
import { type Callback, earlyStopping } from "../../src/train/index.ts";
import { network, samples, seeded, weightsOf } from "../trainers.ts";

let engine: Engine;
beforeAll(async () => {
  engine = await Engine.create();
});
afterAll(() => engine.destroy());

function trainer({ features = 3, optimizer = optim.adam({ lr: 0.01 }) as optim.OptimizerLike, seed = 1 } = {}) {
  return seeded(engine, { seed, model: () => network(features), optimizer });
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

describe("a file that does not fit changes nothing", () => {
  /** The file with another description of its training. */
  function changed(file: Uint8Array<ArrayBuffer>, change: (about: Record<string, never>) => void): Uint8Array {
    const { tensors, metadata } = io.parseSafetensors(file);
    const about = JSON.parse(metadata["tilegrad.train"]!);
    change(about);
    return io.serializeSafetensors(tensors, { ...metadata, "tilegrad.train": JSON.stringify(about) });
  }

  test("of samples of another shape", async () => {
    const other = trainer({ features: 5 });
    await other.fit(samples(8, 5), { batchSize: 4 });
    const file = await other.save();
    const own = trainer();
    const before = await weightsOf(engine, own);
    await expect(own.load(file, "other")).rejects.toThrow(FormatError);
    expect(await weightsOf(engine, own)).toEqual(before);
    expect(own.history).toBeUndefined();
    expect((await own.fit(samples(8), { batchSize: 4 })).epochs).toHaveLength(1);
    expect((await own.predict(samples(2).x)).shape).toEqual([2, 2]);
    await expect(own.load(file, "other")).rejects.toThrow('other: its samples of "x" are f32[5], here f32[3]');
  });

  test("of another optimizer whose state has the same names", async () => {
    const own = trainer();
    await own.fit(samples(8), { batchSize: 4 });
    const file = await own.save();
    for (const rule of ["adamW", "radam"] as const) {
      const other = trainer({ optimizer: optim[rule]({ lr: 0.5 }) });
      await expect(other.load(file, "run")).rejects.toThrow(`run: is of optim.adam, here of optim.${rule}`);
      expect((await other.fit(samples(8), { batchSize: 4 })).epochs).toHaveLength(1);
    }
  });

  // biome-ignore lint/suspicious/noExplicitAny: damaged on purpose
  const damages: readonly [string, (about: any) => void][] = [
    ["specs is null", (about) => (about.specs = null)],
    ["specs is missing", (about) => delete about.specs],
    ["specs.x.shape", (about) => (about.specs.x.shape = "abc")],
    ["specs.x.shape[0]", (about) => (about.specs.x.shape = [0.5])],
    ["specs.x.dtype", (about) => (about.specs.x.dtype = "f99")],
    ["its samples have y, expected x, y", (about) => delete about.specs.x],
    ["its samples have x, y, z", (about) => (about.specs.z = about.specs.x)],
    ["its samples do not fit the model", (about) => (about.specs.x.shape = [7])],
    ["position is null", (about) => (about.position = null)],
    ["position.size", (about) => (about.position.size = 1e6)],
    ["position.size", (about) => (about.position.size = "q")],
    ["position.step", (about) => (about.position.epoch = 1e15)],
    ["position.step", (about) => (about.position.batch = 1e9)],
    ["position.samples", (about) => (about.position.samples = 1e12)],
    ["position.seconds", (about) => delete about.position.seconds],
    ["position.order.batchSize is missing", (about) => (about.position.order = {})],
    ["position.sums.totals[0]", (about) => (about.position.sums.totals = ["a", {}])],
    ["position.history.gradients is missing", (about) => delete about.position.history.gradients],
    ["position.history.epochs[0] is null", (about) => (about.position.history.epochs = [null])],
    ["position.history.epochs[0].loss", (about) => (about.position.history.epochs[0].loss = "low")],
    ["callbacks is 5", (about) => (about.callbacks = 5)],
    ["is of version 2", (about) => (about.version = 2)],
  ];
  let file: Uint8Array<ArrayBuffer>;
  beforeAll(async () => {
    const own = trainer();
    await own.fit(samples(16), { batchSize: 8 });
    file = await own.save();
  });

  test.each(damages)("whose %s", async (place, change) => {
    const own = trainer({ seed: 2 });
    const before = await weightsOf(engine, own);
    const error = await own.load(changed(file, change), "run").catch((error) => error);
    expect(error).toBeInstanceOf(FormatError);
    expect(error.message).toMatch(/^run: /);
    expect(error.message).toContain(place);
    expect(await weightsOf(engine, own)).toEqual(before);
    await own.load(file);
    expect((await own.fit(samples(16), { batchSize: 8, epochs: 2, resume: true })).epochs).toHaveLength(2);
  });
});

describe("what callbacks keep", () => {
  test("stays in a file that is loaded and saved again", async () => {
    const own = trainer();
    const callbacks = [earlyStopping({ monitor: "loss", patience: 50 })];
    await own.fit(samples(16), { epochs: 2, batchSize: 8, callbacks });
    const file = await own.save();
    const other = trainer();
    await other.load(file);
    const names = (bytes: Uint8Array) => [...io.parseSafetensors(bytes).tensors.keys()].sort();
    const again = await other.save();
    expect(names(again)).toEqual(names(file));
    expect(names(again).some((name) => name.startsWith("callbacks.0.earlyStopping."))).toBe(true);
    const about = (bytes: Uint8Array) => JSON.parse(io.parseSafetensors(bytes).metadata["tilegrad.train"]!);
    expect(about(again)).toEqual(about(file));
  });

  test("comes back as it was, whatever plain data it is", async () => {
    const data = {
      number: "12 abc",
      inner: [{ number: "7" }, { $number: "NaN" }, { $$number: "x", $number: 1 }, null],
      numbers: [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, -0, 1e-300],
    };
    let restored: unknown;
    const keeping: Callback = {
      name: "keeping",
      state: () => ({ data }),
      restore: ({ data }) => {
        restored = data;
      },
    };
    const own = trainer();
    await own.fit(samples(8), { batchSize: 8, callbacks: [keeping] });
    const other = trainer();
    await other.load(await own.save());
    await other.fit(samples(8), { batchSize: 8, epochs: 2, resume: true, callbacks: [keeping] });
    expect(restored).toStrictEqual(data);
    expect(restored).not.toBe(data);
  });
});
