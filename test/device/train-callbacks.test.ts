import { afterAll, beforeAll, expect, test } from "vitest";
import { checkpoints } from "../../src/checkpoints/index.ts";
import { Engine, input, losses, mul, nn, optim, sqrt, type Tensor } from "../../src/index.ts";
import { memoryStore } from "../../src/store/index.ts";
import {
  type Callback,
  checkpoint,
  earlyStopping,
  type Progress,
  reduceLROnPlateau,
  Trainer,
} from "../../src/train/index.ts";
import { samples, seeded } from "../trainers.ts";

let engine: Engine;
beforeAll(async () => {
  engine = await Engine.create();
});
afterAll(() => engine.destroy());

const trainer = ({ lr = 0.02, seed = 1 } = {}) => seeded(engine, { seed, optimizer: optim.adam({ lr }) });

test("early stopping ends the training and restores the best weights", { tags: ["quick"] }, async () => {
  const own = trainer({ lr: 0.3 });
  const validationData = samples(33);
  // A rate so high that the loss soon rises again.
  const history = await own.fit(samples(64), {
    epochs: 50,
    batchSize: 16,
    validationData,
    callbacks: [earlyStopping({ patience: 2 })],
  });
  const losses = history.epochs.map(({ val_loss }) => val_loss!);
  const best = Math.min(...losses);
  expect(losses.length).toBeLessThan(50);
  expect(losses.lastIndexOf(best)).toBe(losses.length - 3);
  expect(history.stopped).toBe(`earlyStopping: val_loss has not improved since epoch ${losses.indexOf(best) + 1}`);
  expect(history.best).toBe(losses.indexOf(best) + 1);
  expect((await own.evaluate(validationData)).loss).toBe(best);
});

test("early stopping asks for a value that exists", async () => {
  const callbacks = [earlyStopping({ monitor: "val_acuracy" })];
  await expect(trainer().fit(samples(20), { callbacks, validationData: samples(9) })).rejects.toThrow(
    /earlyStopping: there is no "val_acuracy" to monitor, only .*"val_accuracy"/,
  );
});

test("the rate falls when the value no longer improves", async () => {
  // Too low to change anything.
  const { epochs } = await trainer({ lr: 1e-12 }).fit(samples(20), {
    epochs: 4,
    validationData: samples(20),
    callbacks: [reduceLROnPlateau({ patience: 0, factor: 0.5, eps: 0 })],
  });
  const rates = epochs.map(({ lr }) => lr / 1e-12);
  expect(rates.map((rate) => Number(rate.toFixed(6)))).toEqual([1, 1, 0.5, 0.25]);
});

test("the rates of groups fall by the same factor", async () => {
  nn.seed(1);
  const model = nn.linear(3, 2);
  const bias = [model.variables.get("bias")!];
  const optimizer = optim.groups(optim.sgd, { lr: 1e-12 }, [{ parameters: bias, lr: 4e-12 }]);
  const own = new Trainer({ engine, model, loss: losses.crossEntropy, optimizer });
  const callbacks = [reduceLROnPlateau({ patience: 0, factor: 0.5, eps: 0, monitor: "loss" })];
  await own.fit(samples(20), { epochs: 4, batchSize: 20, shuffle: false, callbacks });
  const [common, group] = [optimizer.lr, optimizer.groups[0]!.lr];
  const rates = [(await engine.read(common))[0]!, (await engine.read(group))[0]!];
  expect(rates[0]).toBeLessThan(1e-12);
  expect(rates[1]! / rates[0]!).toBeCloseTo(4, 4);
});

test("a checkpoint in a store continues to the bit, with the state of callbacks", async () => {
  const store = memoryStore();
  const options = { epochs: 8, batchSize: 16, validationData: samples(33), history: "step" } as const;
  const stopping = () => earlyStopping({ patience: 3 });
  const whole = trainer({ lr: 0.2 });
  const history = await whole.fit(samples(50), { ...options, callbacks: [stopping()] });

  let reached = 0;
  const interrupt: Callback = {
    onBatchEnd({ step }, training) {
      reached = step;
      if (step >= 7) training.stop("interrupted");
    },
  };
  const first = trainer({ lr: 0.2 });
  await first.fit(samples(50), {
    ...options,
    progressEvery: 0,
    callbacks: [stopping(), checkpoint({ to: store, everySteps: 3 }), interrupt],
  });
  expect(reached).toBeGreaterThanOrEqual(7);
  const second = trainer({ lr: 0.2, seed: 5 });
  await second.load((await store.read("training.safetensors"))!);
  expect(second.history!.steps.length).toBeLessThan(history.steps.length);
  const rest = await second.fit(samples(50), { ...options, resume: true, callbacks: [stopping()] });
  expect(rest.steps).toEqual(history.steps);
  expect(rest.stopped).toBe(history.stopped);
  const evaluated = await Promise.all([whole, second].map((own) => own.evaluate(samples(33))));
  expect(evaluated[0]).toEqual(evaluated[1]);
});

test("checkpoints of a run keep the last ones, each with the step that it was saved at", async () => {
  const saves = checkpoints(memoryStore(), { name: "run", keep: 2 });
  const options = { epochs: 3, batchSize: 16 };
  const whole = trainer();
  const history = await whole.fit(samples(50), { ...options, callbacks: [checkpoint({ to: saves, everyEpochs: 1 })] });
  expect((await saves.list()).map(({ step }) => step)).toEqual([12, 8]);
  const second = trainer({ seed: 5 });
  const [, earlier] = await saves.list();
  await saves.remove((await saves.list())[0]!);
  const latest = (await saves.latest())!;
  expect(latest.file).toBe(earlier!.file);
  await second.load(latest.content);
  const rest = await second.fit(samples(50), { ...options, resume: true });
  expect(rest.epochs.map(({ loss }) => loss)).toEqual(history.epochs.map(({ loss }) => loss));
});

test("an error of a store surfaces at fit", async () => {
  const to = () => Promise.reject(new Error("no room"));
  await expect(trainer().fit(samples(20), { callbacks: [checkpoint({ to })] })).rejects.toThrow("no room");
});

test("progress counts samples and epochs, and gives the means so far", async () => {
  const seen: Progress[] = [];
  const callbacks: Callback[] = [{ onProgress: (progress) => void seen.push(progress) }];
  const { epochs } = await trainer().fit(samples(50), { epochs: 2, batchSize: 16, progressEvery: 0, callbacks });
  expect(seen.length).toBeGreaterThan(1);
  expect(seen.at(-1)).toMatchObject({ epoch: 2, epochs: 2, step: 4, steps: 4, samples: 50, secondsLeft: 0 });
  expect(seen.at(-1)!.logs).toEqual({ loss: epochs[1]!.loss, accuracy: epochs[1]!.accuracy });
  expect(seen.every(({ samplesPerSecond }) => samplesPerSecond > 0)).toBe(true);
});

test("statistics of gradients, against the gradients themselves", async () => {
  nn.seed(1);
  const model = nn.linear(3, 2);
  const own = new Trainer({ engine, model, loss: losses.mse, optimizer: optim.sgd({ lr: 1 }) });
  const [weight, bias] = ["weight", "bias"].map((name) => model.variables.get(name)!);
  const before = await Promise.all([engine.read(weight!), engine.read(bias!)]);
  const rows = { x: samples(8).x, y: { data: new Float32Array(16), shape: [8, 2] } };
  const { gradients } = await own.fit(rows, { epochs: 3, batchSize: 8, gradientsEvery: 2 });
  expect(gradients.map(({ step }) => step)).toEqual([1, 3]);
  // Gradient descent with rate 1 moves by the gradient.
  const other = new Trainer({ engine, model, loss: losses.mse, optimizer: optim.sgd({ lr: 1 }) });
  engine.write(weight!, before[0]!);
  engine.write(bias!, before[1]!);
  await other.fit(rows, { batchSize: 8 });
  for (const [i, name] of ["weight", "bias"].entries()) {
    const after = await engine.read(model.variables.get(name)!);
    const gradient = [...before[i]!].map((value, k) => value - after[k]!);
    const { norm, mean, zeros } = gradients[0]!.parameters[name]!;
    expect(norm).toBeCloseTo(Math.hypot(...gradient), 5);
    expect(mean).toBeCloseTo(gradient.reduce((a, b) => a + b) / gradient.length, 5);
    expect(zeros).toBe(0);
  }
});

test("a NaN that arises in a gradient is reported with its variable, and with its kernel if asked", async () => {
  nn.seed(1);
  const layer = nn.linear(3, 1);
  // The root of 0 is finite, its slope is not.
  const square = (x: Tensor) => mul(x, x);
  const model = nn.module((x: Tensor, mode) => sqrt(square(layer(x, mode))), { layer });
  const rows = {
    x: { data: new Float32Array(120), shape: [40, 3] },
    y: { data: new Float32Array(40).fill(1), shape: [40, 1] },
  };
  const train = (checkFinite: boolean) => {
    for (const variable of layer.variables.values()) engine.write(variable, 0);
    const own = new Trainer({ engine, model, loss: losses.mse, optimizer: optim.sgd({ lr: 0.1 }) });
    return own.fit(rows, { batchSize: 8, checkFinite });
  };
  const checked = await train(true).catch(String);
  const unchecked = await train(false).catch(String);
  expect(checked).toMatch(/^NonFiniteError: .*first arose in kernel/);
  expect(unchecked).toMatch(
    /^NonFiniteError: fit: the loss is NaN in step 2, .*"layer.(weight|bias)" NaN: its gradient/,
  );
});

test("evaluates and predicts with averages of the weights, saves and restores them", async () => {
  const make = (seed: number) => {
    nn.seed(seed);
    const model = nn.sequential(nn.linear(3, 8), nn.tanh(), nn.linear(8, 2));
    const ema = optim.ema(model, { decay: 0.9 });
    const options = { engine, loss: losses.crossEntropy, optimizer: optim.adam({ lr: 0.1 }) };
    return { ema, model, own: new Trainer({ ...options, model, ema }) };
  };
  const { ema, model, own } = make(1);
  const rows = samples(40);
  const { epochs } = await own.fit(rows, {
    epochs: 6,
    batchSize: 16,
    validationData: rows,
    callbacks: [earlyStopping({ patience: 2 })],
  });
  // Averages of the best epoch, as validated.
  const { loss } = await own.evaluate(rows);
  expect(loss).toBe(Math.min(...epochs.map(({ val_loss }) => val_loss!)));
  const x = input("x", [40, 3]);
  const program = await engine.compile({ outputs: { raw: model(x), averaged: ema.averaged(model(x)) } });
  const { raw, averaged } = await program.compute({ x: rows.x.data });
  const { data } = await own.predict(rows.x);
  const distance = (other: ArrayLike<number>) => Math.max(...data.map((value, i) => Math.abs(value - other[i]!)));
  expect(distance(averaged)).toBeLessThan(1e-5);
  expect(distance(raw)).toBeGreaterThan(1e-3);
  const twin = make(2);
  await twin.own.load(await own.save());
  expect((await twin.own.evaluate(rows)).loss).toBe(loss);
});

test("iterables may never end", async () => {
  let reads = 0;
  let closed = 0;
  async function* forever() {
    try {
      for (;;) {
        reads++;
        yield samples(16);
      }
    } finally {
      closed++;
    }
  }
  const history = await trainer().fit(forever, { epochs: 2, stepsPerEpoch: 3 });
  expect(history.epochs.map(({ samples }) => samples)).toEqual([48, 48]);
  expect(closed).toBe(2);
  // One batch is fetched ahead at most.
  expect(reads).toBeLessThanOrEqual(8);
});

test("one iterator goes on through all epochs, and is closed at the end", async () => {
  let closed = 0;
  const seen: number[] = [];
  async function* forever() {
    try {
      for (let i = 0; ; i++) {
        seen.push(i);
        yield samples(16);
      }
    } finally {
      closed++;
    }
  }
  const history = await trainer().fit(forever(), { epochs: 3, stepsPerEpoch: 2 });
  expect(history.epochs.map(({ samples }) => samples)).toEqual([32, 32, 32]);
  expect(seen).toEqual([0, 1, 2, 3, 4, 5]);
  expect(closed).toBe(1);
});

test("a resumed training reads only the epochs that are left", async () => {
  const read: number[] = [];
  const own = trainer();
  const data = (epoch: number) => {
    read.push(epoch);
    return [samples(16)];
  };
  await own.fit(data, { epochs: 2 });
  await own.fit(data, { epochs: 3, resume: true });
  expect(read).toEqual([0, 1, 2]);
});

test("scales the loss and clips, trains while it predicts and evaluates", async () => {
  nn.seed(1);
  const model = nn.sequential(nn.linear(3, 16), nn.relu(), nn.linear(16, 2));
  const own = new Trainer({
    engine,
    model,
    loss: losses.crossEntropy,
    optimizer: optim.adam({ lr: 0.02 }),
    clip: optim.clipGradNorm(0.5),
    scaler: optim.lossScaler(),
  });
  const rows = samples(50);
  const fitted = own.fit(rows, { epochs: 20, batchSize: 16 });
  const answers = await Promise.all([own.predict(rows.x), own.evaluate(rows), own.predict(rows.x), own.evaluate(rows)]);
  expect(answers.map((answer) => ("shape" in answer ? answer.shape : Object.keys(answer)))).toEqual([
    [50, 2],
    ["loss"],
    [50, 2],
    ["loss"],
  ]);
  const { epochs } = await fitted;
  expect(epochs.at(-1)!.loss).toBeLessThan(epochs[0]!.loss);
  expect(epochs.every(({ gradNorm }) => gradNorm! > 0)).toBe(true);
});

test("a source that fails ends the training with its own error", async () => {
  async function* failing() {
    yield samples(16);
    throw new Error("the disk is gone");
  }
  const own = trainer();
  await expect(own.fit(() => failing(), { epochs: 2 })).rejects.toThrow("the disk is gone");
  expect((await own.fit(samples(16))).epochs).toHaveLength(1);
});
