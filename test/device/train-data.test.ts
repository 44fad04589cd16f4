import { afterAll, beforeAll, expect, test } from "vitest";
import {
  conv2d,
  Engine,
  FeedError,
  input,
  losses,
  nn,
  optim,
  reshape,
  type Tensor,
  variable,
} from "../../src/index.ts";
import { type Data, Trainer } from "../../src/train/index.ts";

let engine: Engine;
beforeAll(async () => {
  engine = await Engine.create();
});
afterAll(() => engine.destroy());

const labels = [0, 1, 1, 0, 1, 1, 1, 0];
const x = { data: Float32Array.from({ length: 24 }, (_, i) => Math.sin(i ** 2)), shape: [8, 3] };
const y = Int32Array.from(labels);

/** The same trainer each time. */
const made = () => {
  nn.seed(3);
  const model = nn.linear(3, 2);
  return new Trainer({ engine, model, loss: losses.crossEntropy, optimizer: optim.sgd({ lr: 0.1 }) });
};
const lossOf = async (data: Data, classWeight?: readonly number[]) => {
  const { epochs } = await made().fit(data, { batchSize: 8, shuffle: false, ...(classWeight && { classWeight }) });
  return epochs[0]!.loss;
};

test("class weights find the class of one-hot and of smoothed targets", async () => {
  const hot = (on: number, off: number) => ({
    data: Float32Array.from({ length: 16 }, (_, i) => (labels[i >> 1] === i % 2 ? on : off)),
    shape: [8, 2],
  });
  const weighted = await lossOf({ x, y }, [1, 10]);
  expect(weighted).not.toBeCloseTo(await lossOf({ x, y }), 3);
  expect(await lossOf({ x, y: hot(1, 0) }, [1, 10])).toBeCloseTo(weighted, 6);
  const sampleWeight = Float32Array.from(labels, (label) => [1, 10][label]!);
  const smoothed = hot(0.9, 0.1);
  expect(await lossOf({ x, y: smoothed }, [1, 10])).toBeCloseTo(await lossOf({ x, y: smoothed, sampleWeight }), 6);
});

test("class weights refuse samples without a class of their own", async () => {
  const several = { data: Float32Array.from({ length: 16 }, () => 1), shape: [8, 2] };
  await expect(lossOf({ x, y: several }, [1, 10])).rejects.toThrow(
    'fit: classWeight: a sample of "y" is [1, 1], expected a label, or one-hot numbers: weigh such samples with sampleWeight',
  );
  await expect(lossOf({ x, y: { data: new Int32Array(24), shape: [8, 3] } }, [1, 10])).rejects.toThrow(
    'fit: classWeight: a sample of "y" is i32 [3], expected one label, or one-hot f32 [classes]',
  );
});

/** Items of two samples, with these weights. */
const items = (...weights: (number | undefined)[]) =>
  weights.map((weight, i) => ({
    x: { data: x.data.slice(6 * i, 6 * i + 6), shape: [2, 3] },
    y: y.slice(2 * i, 2 * i + 2),
    ...(weight !== undefined && { sampleWeight: Float32Array.of(weight, weight) }),
  }));

test("every item has what the first one has", async () => {
  await expect(lossOf(() => items(5, 1, undefined))).rejects.toThrow(
    'fit: item 3 of the data has no "sampleWeight", only "x", "y"',
  );
  await expect(lossOf(() => items(undefined, 5))).rejects.toThrow(
    'fit: item 2 of the data has "sampleWeight", expected only "x", "y", as in the first item',
  );
  // Weights in one data set require none in the next.
  const trainer = made();
  await trainer.fit(items(1, 2), { batchSize: 4 });
  await trainer.fit(items(undefined, undefined), { batchSize: 4 });
});

test("data in which no sample counts is refused, by name, before an epoch is trained", async () => {
  const none = { x: { data: new Float32Array(0), shape: [0, 3] }, y: new Int32Array(0) };
  const weightless = { x, y, sampleWeight: new Float32Array(8) };
  const trainer = made();
  const refusal = (call: Promise<unknown>) =>
    call.then(
      () => "none",
      (error: Error) => [error instanceof FeedError, error.message],
    );
  expect(await refusal(trainer.fit(none))).toEqual([true, "fit: the data has no samples"]);
  expect(await refusal(trainer.evaluate(none))).toEqual([true, "evaluate: the data has no samples"]);
  expect(await refusal(trainer.evaluate([none]))).toEqual([true, "evaluate: the data has no samples"]);
  expect(await refusal(trainer.evaluate(weightless))).toEqual([
    true,
    "evaluate: all samples have weight 0, so that there is no mean of their losses",
  ]);
  expect(await refusal(made().fit(() => items(0, 0)))).toEqual(await refusal(made().fit(weightless)));
  expect(await refusal(made().fit({ x, y }, { classWeight: [0, 0] }))).toEqual(await refusal(made().fit(weightless)));
  expect(await refusal(trainer.evaluate(items(0, 0)))).toEqual(await refusal(trainer.evaluate(weightless)));
  for (const validationData of [none, []]) {
    expect(await refusal(trainer.fit({ x, y }, { validationData }))).toEqual([
      true,
      "fit, validationData: the data has no samples",
    ]);
  }
  expect(trainer.history?.epochs ?? []).toEqual([]);
});

test("a wrong call fails alone: those that share its runs get all their rows", async () => {
  const wide = nn.sequential(nn.embedding(10, 64), nn.linear(64, 2));
  const trainer = new Trainer({ engine, model: wide });
  const of = (n: number, value: (i: number) => number) => ({
    data: Int32Array.from({ length: n }, (_, i) => value(i)),
    shape: [n],
  });
  const { data: known } = await trainer.predict(of(10, (i) => i));
  await trainer.predict(of(60, () => 1));
  // The first run has 256 rows of the good call; the second one the rest, and the wrong one.
  const good = trainer.predict(of(300, (i) => i % 10));
  const wrong = trainer.predict(of(10, () => 99));
  const late = trainer.predict(of(3, (i) => i));
  await expect(wrong).rejects.toThrow(FeedError);
  const { data, shape } = await good;
  expect(shape).toEqual([300, 2]);
  data.forEach((value, i) => expect(value).toBeCloseTo(known[i % 20]!, 5));
  expect((await late).data.length).toBe(6);
});

test("a partial batch counts as its samples alone where a convolution along the batch mixes them", async () => {
  const kernel = variable(
    Float32Array.from({ length: 9 }, (_, i) => i - 3),
    [1, 1, 3, 3],
  );
  const forward = (x: Tensor) =>
    reshape(conv2d(reshape(x, [1, 1, ...x.shape]), kernel, undefined, { padding: 1 }), x.shape);
  const model = { kernel: { variables: new Map([["weight", kernel]]) } } as never;
  const trainer = new Trainer({ engine, model, forward, loss: losses.mse, optimizer: optim.sgd({ lr: 0 }) });
  const seven = { data: x.data.slice(0, 21), shape: [7, 3] };
  let total = 0;
  let last: ArrayLike<number> = [];
  for (const [from, to] of [
    [0, 4],
    [4, 7],
  ] as const) {
    const y = forward(input("x", [to - from, 3]));
    const program = await engine.compile({ outputs: { y } });
    ({ y: last } = await program.compute({ x: x.data.slice(3 * from, 3 * to) }));
    total += Array.from(last).reduce((sum, value) => sum + value ** 2, 0);
    program.destroy();
  }
  const { loss } = await trainer.evaluate(
    { x: seven, y: { data: new Float32Array(21), shape: [7, 3] } },
    { batchSize: 4 },
  );
  expect(loss).toBeCloseTo(total / 21, 4);
  const { data } = await trainer.predict({ data: x.data.slice(12, 21), shape: [3, 3] });
  data.forEach((value, i) => expect(value).toBeCloseTo(last[i]!, 5));
});
