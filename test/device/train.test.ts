import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  data,
  Engine,
  FeedError,
  input,
  losses,
  mul,
  NonFiniteError,
  nn,
  optim,
  StateError,
  sqrt,
  type Tensor,
} from "../../src/index.ts";
import { accuracy, type Callback, Trainer } from "../../src/train/index.ts";
import { samples, trainerOf, weightsOf } from "../trainers.ts";

let engine: Engine;
beforeAll(async () => {
  engine = await Engine.create();
});
afterAll(() => engine.destroy());

const plain = () => nn.sequential(nn.linear(3, 16), nn.relu(), nn.linear(16, 2));
const dropping = () => nn.sequential(nn.linear(3, 16), nn.relu(), nn.dropout(0.4), nn.linear(16, 2));
const mixing = () => nn.sequential(nn.linear(3, 16), nn.batchNorm1d(16), nn.relu(), nn.linear(16, 2));

/** The loop by hand, with a program for each size, and nothing padded. */
async function byHand(model: nn.Module, n: number, batchSize: number, epochs: number) {
  const optimizer = optim.adam({ lr: 0.02 });
  const steps = new Map<number, Awaited<ReturnType<typeof compile>>>();
  const compile = (size: number) => {
    const loss = losses.crossEntropy(model(input("x", [size, 3]), { training: true }), input("y", [size], "i32"));
    return engine.compile({ outputs: { loss }, updates: optimizer.minimize(loss) });
  };
  const losses_: number[] = [];
  for (let epoch = 0; epoch < epochs; epoch++) {
    for (const batch of data.batches(samples(n), { batchSize, shuffle: true, epoch })) {
      const size = batch.y.length;
      if (!steps.has(size)) steps.set(size, await compile(size));
      const { loss } = await steps.get(size)!.compute(batch);
      losses_.push(loss[0]!);
    }
  }
  return losses_;
}

const close = (a: readonly number[], b: readonly number[], tolerance: number) => {
  expect(a.length).toBe(b.length);
  for (const [i, value] of a.entries()) expect(Math.abs(value - b[i]!)).toBeLessThan(tolerance * (1 + Math.abs(b[i]!)));
};

describe("any number of samples counts as exactly its samples", () => {
  const batch = 8;
  for (const n of [1, 7, batch - 1, batch, batch + 1, 3 * batch - 1]) {
    test(`${n} in batches of ${batch}, as unpadded by hand`, async () => {
      for (const make of [plain, dropping]) {
        nn.seed(3);
        const model = make();
        const history = await trainerOf(engine, model).fit(samples(n), {
          epochs: 4,
          batchSize: batch,
          history: "step",
        });
        nn.seed(3);
        const twin = make();
        const expected = await byHand(twin, n, batch, 4);
        // A program of another size draws other masks, so only whole batches are comparable there.
        if (make === dropping && n > batch && n % batch !== 0) continue;
        close(
          history.steps.map(({ loss }) => loss),
          expected,
          2e-5,
        );
        close(await weightsOf(engine, model), await weightsOf(engine, twin), 2e-4);
      }
    });
  }

  for (const n of [7, batch + 2, 3 * batch - 1]) {
    test(`${n} where batch normalisation mixes samples`, async () => {
      nn.seed(3);
      const model = mixing();
      const history = await trainerOf(engine, model).fit(samples(n), { epochs: 4, batchSize: batch, history: "step" });
      nn.seed(3);
      const twin = mixing();
      close(
        history.steps.map(({ loss }) => loss),
        await byHand(twin, n, batch, 4),
        2e-5,
      );
      close(await weightsOf(engine, model), await weightsOf(engine, twin), 2e-4);
    });
  }
});

test("counts of metrics are exact, whatever the sizes", { tags: ["quick"] }, async () => {
  nn.seed(1);
  const trainer = trainerOf(engine, plain());
  await trainer.fit(samples(70), { epochs: 3, batchSize: 32 });
  const { data: scores } = await trainer.predict(samples(70).x);
  const right = [...samples(70).y.data].filter((label, i) => Number(scores[2 * i + 1]! > scores[2 * i]!) === label);
  for (const batchSize of [1, 7, 32, 70, 256]) {
    const { accuracy } = await trainer.evaluate(samples(70), { batchSize });
    expect(accuracy).toBe(right.length / 70);
  }
});

test("reads iterables of samples and batches, and nothing twice", async () => {
  const runs: number[][] = [];
  const { x, y } = samples(21);
  const sources = {
    *samples() {
      for (let i = 0; i < 21; i++) yield { x: x.data.subarray(3 * i, 3 * i + 3), y: y.data[i]! };
    },
    *batches() {
      yield* data.batches(samples(21), { batchSize: 5 });
    },
    async *slowly() {
      for (let i = 0; i < 21; i += 10) {
        await new Promise((done) => setTimeout(done, 1));
        const n = Math.min(10, 21 - i);
        yield {
          x: { data: x.data.slice(3 * i, 3 * (i + n)), shape: [n, 3] },
          y: { data: y.data.slice(i, i + n), shape: [n] },
        };
      }
    },
  };
  for (const source of [samples(21), ...Object.values(sources)]) {
    nn.seed(1);
    const trainer = new Trainer({
      engine,
      model: plain(),
      loss: losses.crossEntropy,
      optimizer: optim.sgd({ lr: 0.1 }),
      shapes: { x: [3], y: { shape: [], dtype: "i32" } },
    });
    const { steps } = await trainer.fit(source, { epochs: 2, batchSize: 8, shuffle: false, history: "step" });
    runs.push(steps.map(({ loss }) => loss));
  }
  expect(runs[0]).toHaveLength(6);
  for (const run of runs) expect(run).toEqual(runs[0]);
  const trainer = trainerOf(engine, plain());
  await expect(trainer.fit(sources.slowly(), { epochs: 2 })).rejects.toThrow(/pass a function that returns one/);
});

test("continues from a checkpoint bit for bit, in the middle of an epoch and with dropout", async () => {
  nn.seed(1);
  const files: Uint8Array[] = [];
  const collect: Callback = {
    async onBatchEnd({ step }, training) {
      if (step === 5) files.push(await training.save());
    },
  };
  const options = { epochs: 3, batchSize: 8, history: "step", progressEvery: 0 } as const;
  const model = dropping();
  const whole = await trainerOf(engine, model).fit(samples(30), { ...options, callbacks: [collect] });
  expect(files).toHaveLength(1);

  nn.seed(9); // Other weights.
  const twin = dropping();
  const trainer = trainerOf(engine, twin);
  await trainer.load(files[0]!);
  const rest = await trainer.fit(samples(30), { ...options, resume: true });
  expect(rest.steps).toEqual(whole.steps);
  expect(rest.epochs.map(({ loss, accuracy }) => [loss, accuracy])).toEqual(
    whole.epochs.map(({ loss, accuracy }) => [loss, accuracy]),
  );
  expect(await weightsOf(engine, twin)).toEqual(await weightsOf(engine, model));
});

test("an error of a callback ends the training and leaves the trainer usable", async () => {
  const trainer = trainerOf(engine, plain());
  for (const event of [
    "onTrainBegin",
    "onEpochBegin",
    "onBatchEnd",
    "onProgress",
    "onEpochEnd",
    "onTrainEnd",
  ] as const) {
    const callback: Callback = {
      [event]: async () => {
        throw new Error(`from ${event}`);
      },
    };
    await expect(trainer.fit(samples(30), { epochs: 2, callbacks: [callback] })).rejects.toThrow(`from ${event}`);
    expect(trainer.state).toBe("idle");
  }
  expect((await trainer.fit(samples(30), { epochs: 2 })).epochs).toHaveLength(2);
});

test("a signal ends it after the current step, with the history so far", async () => {
  const trainer = trainerOf(engine, plain());
  const stop = new AbortController();
  const callback: Callback = {
    onEpochEnd({ epoch }) {
      if (epoch === 2) stop.abort();
    },
  };
  const history = await trainer.fit(samples(30), { epochs: 9, signal: stop.signal, callbacks: [callback] });
  expect(history.epochs).toHaveLength(2);
  expect(history.stopped).toBe("aborted");
  const rest = await trainer.fit(samples(30), { epochs: 3, resume: true });
  expect(rest.epochs.map(({ epoch }) => epoch)).toEqual([1, 2, 3]);
  expect(rest.stopped).toBeUndefined();
});

test("an epoch that is stopped before its validation is completed by a resumed training", async () => {
  const trainer = trainerOf(engine, plain());
  const options = { epochs: 2, batchSize: 8, validationData: samples(9), progressEvery: 0 };
  const last: Callback = {
    onBatchEnd({ step }, training) {
      if (step === 4) training.stop("enough");
    },
  };
  const { stopped, epochs } = await trainer.fit(samples(30), { ...options, callbacks: [last] });
  expect([stopped, epochs.length]).toEqual(["enough", 0]);
  const rest = await trainer.fit(samples(30), { ...options, resume: true });
  expect(rest.epochs.map(({ samples }) => samples)).toEqual([30, 30]);
  for (const { val_loss } of rest.epochs) expect(val_loss).toBeGreaterThan(0);
});

test("pauses between steps, and saves there", async () => {
  const trainer = trainerOf(engine, plain());
  let paused: Promise<void> | undefined;
  const callback: Callback = {
    onEpochEnd({ epoch }) {
      if (epoch === 2) paused = trainer.pause();
    },
  };
  const fitted = trainer.fit(samples(30), { epochs: 4, callbacks: [callback] });
  while (!paused) await new Promise((done) => setTimeout(done, 1));
  await paused;
  expect(trainer.state).toBe("paused");
  expect(trainer.history!.epochs).toHaveLength(2);
  expect((await trainer.save()).length).toBeGreaterThan(100);
  await expect(trainer.fit(samples(30))).rejects.toThrow(StateError);
  trainer.resume();
  expect((await fitted).epochs).toHaveLength(4);
});

test("a hundred overlapping predictions each get their own rows", async () => {
  nn.seed(1);
  const trainer = trainerOf(engine, plain());
  const { data: all } = await trainer.predict(samples(300).x, { batchSize: 64 });
  const answers = await Promise.all(
    Array.from({ length: 100 }, async (_, i) => {
      const n = 1 + (i % 3);
      const x = samples(300).x.data.subarray(3 * i, 3 * (i + n));
      return { i, n, answer: await trainer.predict({ data: x, shape: [n, 3] }) };
    }),
  );
  for (const { i, n, answer } of answers) {
    expect(answer.shape).toEqual([n, 2]);
    close([...answer.data], [...all.subarray(2 * i, 2 * (i + n))], 1e-6);
  }
});

test("stops where the loss is not finite, names the op, and keeps the weights", async () => {
  nn.seed(1);
  const layer = nn.linear(3, 1);
  const model = nn.module((x: Tensor, mode) => sqrt(layer(x, mode)), { layer }) as nn.Module;
  const x = new Float32Array(3 * 40).fill(0.1);
  const y = new Float32Array(40).fill(1);
  x.fill(-100, 3 * 30, 3 * 31);
  const rows = { x: { data: x, shape: [40, 3] }, y: { data: y, shape: [40, 1] } };
  for (const data of [rows, () => [rows]]) {
    const trainer = new Trainer({ engine, model, loss: losses.mse, optimizer: optim.sgd({ lr: 0.001 }) });
    engine.write(layer.variables.get("weight")!, 1);
    engine.write(layer.variables.get("bias")!, 0);
    const fitted = trainer.fit(data, { batchSize: 8, shuffle: false });
    await expect(fitted).rejects.toThrow(NonFiniteError);
    await expect(fitted).rejects.toThrow(/step 4, epoch 1: .*sqrt/);
    for (const value of await weightsOf(engine, model)) expect(Number.isFinite(value)).toBe(true);
  }
});

test("compiles ahead, so that memory is known before the first step", async () => {
  const optimizer = optim.sgd({ lr: 0.1 });
  const options = { engine, model: plain(), loss: losses.crossEntropy, optimizer };
  const own = new Trainer({ ...options, shapes: { x: [3], y: { shape: [], dtype: "i32" } } });
  expect(own.memory).toEqual({ variables: 0, total: 0 });
  await own.compile({ fit: 32, evaluate: 64, predict: 5 });
  const { memory } = own;
  expect(memory.total).toBeGreaterThan(memory.variables);
  await own.fit(samples(70));
  await own.evaluate(samples(70), { batchSize: 64 });
  await own.predict(samples(8).x);
  expect(own.memory).toEqual(memory);
  await expect(new Trainer(options).compile({ fit: 32 })).rejects.toThrow('compile: the samples of "x" are not known');
});

test("a loss may be one number for a batch", async () => {
  const run = async (loss: (prediction: Tensor, target: Tensor) => Tensor) => {
    nn.seed(2);
    const own = new Trainer({ engine, model: plain(), loss, optimizer: optim.sgd({ lr: 0.1 }), metrics: { accuracy } });
    const { steps } = await own.fit(samples(21), { epochs: 2, batchSize: 8, history: "step" });
    return [...steps, await own.evaluate(samples(21), { batchSize: 8 })].map(({ loss }) => loss);
  };
  const whole = await run((prediction, target) => losses.crossEntropy(prediction, target));
  close(whole, await run(losses.crossEntropy), 1e-5);
  const own = new Trainer({
    engine,
    model: plain(),
    loss: (prediction, target) => losses.crossEntropy(prediction, target),
    optimizer: optim.sgd({ lr: 0.1 }),
  });
  const weighted = { ...samples(20), sampleWeight: new Float32Array(20).fill(2) };
  await expect(own.fit(weighted)).rejects.toThrow("fit: samples have weights, but the loss gives one number");
  await expect(own.evaluate(weighted)).rejects.toThrow("evaluate: samples have weights");
});

test("a validation iterator that can be read once is refused before the first step", async () => {
  const own = trainerOf(engine, plain());
  const once = [samples(5)][Symbol.iterator]();
  await expect(own.fit(samples(20), { epochs: 2, validationData: once as never })).rejects.toThrow(
    "fit, validationData: the data is an iterator, which can be read once, for 2 epochs",
  );
  expect(own.history).toBeUndefined();
});

test("weights samples and classes", async () => {
  const run = async (given: object, options: object) => {
    nn.seed(1);
    const model = plain();
    await trainerOf(engine, model).fit(
      { ...samples(20), ...given },
      { batchSize: 8, epochs: 2, shuffle: false, ...options },
    );
    return weightsOf(engine, model);
  };
  const { y } = samples(20);
  const byClass = await run({}, { classWeight: [1, 3] });
  const bySample = await run({ sampleWeight: Float32Array.from(y.data, (label) => 1 + 2 * label) }, {});
  expect(byClass).toEqual(bySample);
  expect(byClass).not.toEqual(await run({}, {}));
});

test("several inputs and targets, by name", async () => {
  nn.seed(1);
  const parts = { a: nn.linear(3, 4), b: nn.linear(2, 4) };
  const trainer = new Trainer({
    engine,
    model: parts,
    inputs: ["a", "b"],
    targets: ["sum", "product"],
    forward: ({ a, b }, mode) => ({ sum: parts.a(a, mode), product: mul(parts.a(a, mode), parts.b(b, mode)) }),
    loss: (prediction, target, options) => losses.mse(prediction.sum, target.sum, options),
    optimizer: optim.sgd({ lr: 0.1 }),
  });
  const f = (n: number, size: number) => ({ data: new Float32Array(n * size).fill(0.5), shape: [n, size] });
  const before = await trainer.evaluate({ a: f(5, 3), b: f(5, 2), sum: f(5, 4), product: f(5, 4) });
  await trainer.fit({ a: f(5, 3), b: f(5, 2), sum: f(5, 4), product: f(5, 4) }, { epochs: 5 });
  const after = await trainer.evaluate({ a: f(5, 3), b: f(5, 2), sum: f(5, 4), product: f(5, 4) });
  expect(after.loss).toBeLessThan(before.loss);
  const { sum, product } = await trainer.predict({ a: f(3, 3), b: f(3, 2) });
  expect([sum!.shape, product!.shape]).toEqual([
    [3, 4],
    [3, 4],
  ]);
  await expect(trainer.fit({ a: f(5, 3), sum: f(5, 4), product: f(5, 4) })).rejects.toThrow(FeedError);
});
