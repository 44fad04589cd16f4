import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Engine, io, losses, nn, optim } from "../../src/index.ts";
import { saveModel } from "../../src/model/index.ts";
import { accuracy, type Callback, type Data, type FitOptions, Trainer } from "../../src/train/index.ts";

let engine: Engine;
beforeAll(async () => {
  engine = await Engine.create();
});
afterAll(() => engine.destroy());

const samples = (n: number) => ({
  x: { data: Float32Array.from({ length: 2 * n }, (_, i) => Math.sin(i * i)), shape: [n, 2] },
  y: Int32Array.from({ length: n }, (_, i) => i % 3),
});

const modelOf = () => nn.sequential(nn.linear(2, 8), nn.relu(), nn.linear(8, 3));
const trainer = (model = modelOf()) =>
  new Trainer({ engine, model, loss: losses.crossEntropy, optimizer: optim.adam(), metrics: { accuracy } });

/** What a plain JavaScript user could pass. */
const attempt = (data: unknown, options?: unknown) => trainer().fit(data as Data, options as FitOptions);

describe("values that would ruin the weights are refused by name and sample", () => {
  const broken = (at: number, value = Number.NaN) => {
    const { x, y } = samples(40);
    x.data[2 * at + 1] = value;
    return { x, y };
  };

  test("in arrays, in any order, before the first step", async () => {
    const own = trainer();
    await expect(own.fit(broken(18))).rejects.toThrow('fit: "x" holds NaN at sample 18');
    await expect(own.fit(broken(39, Number.POSITIVE_INFINITY))).rejects.toThrow('fit: "x" holds Infinity at sample 39');
    await expect(own.fit(samples(40), { validationData: broken(3) })).rejects.toThrow(
      'fit, validationData: "x" holds NaN at sample 3',
    );
    await expect(own.evaluate(broken(7))).rejects.toThrow('evaluate: "x" holds NaN at sample 7');
    expect(own.history?.epochs ?? []).toEqual([]);
    const sampleWeight = new Float32Array(40).fill(1);
    sampleWeight[5] = Number.NaN;
    await expect(own.fit({ ...samples(40), sampleWeight })).rejects.toThrow('"sampleWeight" holds NaN at sample 5');
  });

  test("in validation arrays, which are read for that once, however many epochs follow", async () => {
    const { x, y } = samples(10);
    let reads = 0;
    const counted = {
      shape: x.shape,
      get data() {
        reads++;
        return x.data;
      },
    };
    const { epochs } = await trainer().fit(samples(10), { epochs: 4, validationData: { x: counted, y } });
    expect(epochs.map(({ val_loss }) => val_loss! > 0)).toEqual([true, true, true, true]);
    expect(reads).toBe(1);
  });

  test("in targets, and in float64 beyond f32", async () => {
    const own = new Trainer({ engine, model: nn.linear(2, 1), loss: losses.mse, optimizer: optim.adam() });
    const { x } = samples(4);
    const target = (values: number[]) => ({ x, y: { data: Float64Array.from(values), shape: [4, 1] } });
    await expect(own.fit(target([0, 1, Number.NaN, 1]))).rejects.toThrow('fit: "y" holds NaN at sample 2');
    await expect(own.fit(target([0, 1, 1, 1e39]))).rejects.toThrow('fit: "y" holds 1e+39 at sample 3');
    expect((await own.fit(target([0, 1, 1, 1]))).epochs).toHaveLength(1);
  });

  test("in batches as they come", async () => {
    const { x, y } = broken(23);
    const parts = function* () {
      for (let i = 0; i < 4; i++)
        yield { x: { data: x.data.subarray(20 * i, 20 * i + 20), shape: [10, 2] }, y: y.subarray(10 * i, 10 * i + 10) };
    };
    await expect(attempt(() => parts())).rejects.toThrow('fit: "x" holds NaN at sample 23');
    const validationData = () => parts();
    await expect(attempt(samples(10), { validationData })).rejects.toThrow(
      'validationData: "x" holds NaN at sample 23',
    );
  });
});

test("minus infinity is allowed: masks hold it", async () => {
  const { x } = samples(6);
  const own = new Trainer({
    engine,
    model: nn.linear(2, 1),
    loss: losses.mse,
    optimizer: optim.adam(),
    targets: ["y", "mask"],
    // biome-ignore lint/suspicious/noExplicitAny: only the data matters
    ...({ loss: (p: any, t: any, options: any) => losses.mse(p, t.y, options) } as object),
  });
  const mask = { data: new Float32Array(6).fill(Number.NEGATIVE_INFINITY), shape: [6, 1] };
  const y = { data: new Float32Array(6), shape: [6, 1] };
  expect((await own.fit({ x, y, mask })).epochs).toHaveLength(1);
});

describe("a label out of range is named by its sample in the data", () => {
  const broken = () => {
    const all = samples(40);
    all.y[31] = 7;
    return all;
  };

  test("in a training in random order, in a validation, and in evaluate", async () => {
    const shown = (where: string) => new RegExp(`^FeedError: ${where}: "y" holds 7 at sample 31; .* takes 0 to 2$`);
    const message = (given: Promise<unknown>) => given.then(String, String);
    for (const seed of [0, 1])
      expect(await message(attempt(broken(), { seed, batchSize: 8, epochs: 2 }))).toMatch(shown("fit"));
    const validationData = broken();
    const options = { validationData, validationBatchSize: 8 };
    expect(await message(attempt(samples(10), options))).toMatch(shown("fit, validationData"));
    expect(await message(trainer().evaluate(broken(), { batchSize: 8 }))).toMatch(shown("evaluate"));
    const item = broken();
    expect(await message(attempt(() => [item], { batchSize: 8 }))).toMatch(shown("fit"));
  });
});

describe("data of the wrong kind", () => {
  const { x, y } = samples(64);

  test.each([
    [
      {
        x: [
          [1, 2],
          [3, 4],
        ],
        y,
      },
      'fit: "x" is [[…], […]], expected numbers in a typed array',
    ],
    [{ x, y: ["cat", "dog"] }, 'fit: "y" is ["cat", "dog"], expected numbers in a typed array'],
    [{ x: x.data, y }, '"y" has 64 samples, "x" has 128: each value of "x" counts as a sample'],
  ] as const)("%#", async (data, message) => {
    await expect(attempt(data)).rejects.toThrow(message);
  });

  test("x and y as two arguments", async () => {
    for (const second of [y, [1, 2], { data: y, shape: [64] }])
      await expect(attempt(x, second)).rejects.toThrow(
        "fit: its second argument is data, expected options: pass fit({ x, y }",
      );
  });

  test("a function of a callback as an option", async () => {
    await expect(attempt({ x, y }, { onProgress() {} })).rejects.toThrow(
      "fit: onProgress belongs in a callback: callbacks: [{ onProgress }]",
    );
  });

  test("a generator as validation data for several epochs", async () => {
    const validationData = (function* () {
      yield samples(5);
    })();
    await expect(attempt({ x, y }, { epochs: 2, validationData })).rejects.toThrow(
      "fit, validationData: the data is an iterator, which can be read once, for 2 epochs",
    );
  });
});

test("a misspelt function of a callback", async () => {
  class Logger {
    onEpochend() {}
  }
  for (const callback of [{ onEpochend() {} }, new Logger()])
    await expect(attempt(samples(8), { callbacks: [callback] })).rejects.toThrow(
      'fit: there is no event "onEpochend" (did you mean "onEpochEnd"?)',
    );
  const own: Callback & { once: boolean } = { once: true, onEpochEnd() {} };
  expect((await trainer().fit(samples(8), { callbacks: [own] })).epochs).toHaveLength(1);
});

test("a file of weights or of a model is no checkpoint, and the error says what loads it", async () => {
  const model = modelOf();
  const weights = await io.saveSafetensors(engine, model);
  await expect(trainer(model).load(weights)).rejects.toThrow("io.loadSafetensors(engine, model, bytes) loads them");
  const file = await saveModel(engine, model);
  await expect(trainer(model).load(file)).rejects.toThrow("It is a model: loadModel of tilegrad/model reads it");
});
