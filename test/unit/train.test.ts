import { describe, expect, test, vi } from "vitest";
import {
  constant,
  customOp,
  input,
  losses,
  matmul,
  mean,
  mul,
  nn,
  Random,
  sub,
  sum,
  type Tensor,
  transpose,
  variable,
} from "../../src/index.ts";
import {
  argmax,
  cast,
  concat,
  conv2d,
  cumsum,
  embedding,
  expand,
  flip,
  gather,
  iota,
  layerNorm,
  logSoftmax,
  max,
  maxPool2d,
  pad,
  permute,
  reshape,
  scaledDotProductAttention,
  scatterAdd,
  slice,
  softmax,
  sort,
  topk,
} from "../../src/ops/index.ts";
import type { Engine } from "../../src/runtime/engine.ts";
import { notify } from "../../src/train/callbacks.ts";
import { classWeightOf } from "../../src/train/classWeights.ts";
import { Gate } from "../../src/train/gate.ts";
import { type Data, Trainer } from "../../src/train/index.ts";
import { mse, perSample, rmse } from "../../src/train/metrics.ts";
import { mixes } from "../../src/train/mixes.ts";
import { Pace } from "../../src/train/pace.ts";
import { Stage } from "../../src/train/stage.ts";
import { open } from "../../src/train/stream.ts";
import { Columns, noSums } from "../../src/train/tally.ts";
import { weightsOf } from "../../src/train/weights.ts";

const engine = { compile() {} } as unknown as Engine;

describe("finds out whether samples influence each other", () => {
  const mixesIn = (model: (x: Tensor) => Tensor) => {
    const sampled = (n: number) => {
      const x = input("x", [n, 4]);
      return { n, inputs: [x], results: [model(x)] };
    };
    return mixes(sampled(6), sampled(7));
  };
  nn.seed(1);
  const linear = nn.linear(4, 4);
  const training = { training: true } as const;
  const { output } = nn.gru(2, 3, { batchFirst: true });

  test.each<[string, (x: Tensor) => Tensor]>([
    ["layers", (x) => nn.sequential(linear, nn.relu(), nn.dropout(0.5))(x, training)],
    ["layer normalisation", nn.layerNorm(4)],
    ["softmax over classes", (x) => softmax(x, 1)],
    ["frozen batch normalisation", (x) => normalisation(x, { training: false })],
    ["convolution", (x) => convolution(unsqueezed(x))],
    ["recurrence", (x) => output(pairs(x))],
    ["attention within a sample", (x) => attention(pairs(x))],
    ["samples and positions in one axis", (x) => flat(linear(x))],
    ["a number that depends on weights only", (x) => sub(x, mean(linear.variables.get("weight")!))],
    ["RMS normalisation", nn.rmsNorm(4)],
    ["group normalisation", (x) => groups(reshape(x, [-1, 4, 1, 1]))],
    ["a network of images", images],
    ["a transposed convolution", (x) => transposed(square(x))],
    ["average pooling with padding", (x) => nn.avgPool2d(2, { stride: 1, padding: 1 })(square(x))],
    ["recurrence with time first", (x) => permute(timeFirst.output(permute(pairs(x), [1, 0, 2])), [1, 0, 2])],
    ["an LSTM", (x) => lstm.output(pairs(x))],
    ["layers of merged axes, time first", (x) => permute(narrow(permute(pairs(x), [1, 0, 2])), [1, 0, 2])],
    ["causal attention", (x) => scaledDotProductAttention(pairs(x), pairs(x), pairs(x), { causal: true })],
    ["an embedding and its positions", (x) => sub(table(argmax(x, 1)), constant(new Float32Array(4), [4]))],
    ["picking the best", (x) => topk(x, 2, 1).values],
    ["sorting classes", (x) => sort(x, 1).values],
    ["a gather from a table", (x) => gather(numbers, 0, reshape(argmax(x, 1), [-1, 1]))],
    ["positions of classes", (x) => mul(x, losses.mse(x, x, { reduction: "none" }))],
    ["halves, padded and joined", (x) => concat([pad(slice(x, [[], [0, 2]]), { low: [0, 1], high: [0, 0] }), x], 1)],
    ["noise", (x) => mul(x, random.normal(x.shape))],
    ["cross-entropy", (x) => losses.crossEntropy(x, argmax(x, 1), { reduction: "none" })],
    ["positions along another axis", (x) => mul(x, castLike(iota(x.shape, 1), x))],
  ])("not by %s", (_, model) => {
    expect(mixesIn(model)).toBe(false);
  });

  test.each<[string, (x: Tensor) => Tensor]>([
    ["batch normalisation", (x) => normalisation(x, training)],
    ["a mean over the batch", (x) => sub(x, mean(x, 0, true))],
    ["products of samples", (x) => matmul(matmul(x, transpose(x)), x)],
    ["softmax over samples", (x) => softmax(x, 0)],
    ["a running sum over samples", (x) => cumsum(x, 0)],
    ["their order", (x) => flip(x, 0)],
    ["a sum of everything", (x) => sum(x)],
    ["a kernel of the user, which might", (x) => copied(x)],
    ["a convolution along them", (x) => reshape(conv2d(plane(x), stencil, undefined, { padding: 1 }), x.shape)],
    ["pooling along them", (x) => reshape(maxPool2d(plane(x), 3, { stride: 1, padding: 1 }), x.shape)],
    ["a matrix from the left", (x) => matmul(square0(x.shape[0]!), x)],
    ["a recurrence along them", (x) => reshape(output(reshape(linear(x), [1, -1, 2])), [-1, 6])],
    ["attention among them", (x) => reshape(among(reshape(x, [1, -1, 4])), x.shape)],
    ["a gather along them", (x) => gather(x, 0, argmaxed(x))],
    ["a scatter along them", (x) => scatterAdd(x, 0, argmaxed(x), x)],
    ["an embedding of which they are the table", (x) => embedding(argmax(x, 1), x)],
    ["sorting them", (x) => sort(x, 0).values],
    ["their largest", (x) => sub(x, max(x, 0, true))],
    ["another order of elements", (x) => reshape(softmax(reshape(x, [4, -1]), 0), x.shape)],
    ["another order in a product", (x) => mul(x, reshape(transpose(x), x.shape))],
    ["a shift", (x) => pad(slice(x, [[1]]), { low: [0, 0], high: [1, 0] })],
    ["neighbours put together", (x) => logSoftmax(reshape(concat([x, x], 0), [-1, 8]), 1)],
    ["normalisation of everything", (x) => reshape(layerNorm(reshape(x, [1, -1]), [x.size]), x.shape)],
    [
      "weights by place",
      (x) =>
        mul(
          x,
          constant(
            Float32Array.from({ length: x.shape[0]! }, (_, i) => i),
            [x.shape[0]!, 1],
          ),
        ),
    ],
    ["places", (x) => mul(x, castLike(iota(x.shape, 0), x))],
    ["their number", (x) => mul(x, 1 / x.shape[0]!)],
    ["a constant that depends on their number", (x) => mul(x, constant(Float32Array.of(x.shape[0]!), [1]))],
  ])("by %s", (_, model) => {
    expect(mixesIn(model)).toBe(true);
  });
});

const random = new Random(1);
const lstm = nn.lstm(2, 3, { batchFirst: true });
const timeFirst = nn.gru(2, 3);
const normalisation = nn.batchNorm1d(4);
const convolution = nn.conv1d(1, 2, 3);
const attention = nn.multiheadAttention(2, 1);
const groups = nn.groupNorm(2, 4);
const transposed = nn.convTranspose2d(1, 2, 2, { stride: 2 });
const narrow = nn.linear(2, 3);
const table = nn.embedding(9, 4);
const stencil = variable(1, [1, 1, 3, 3]);
const among = nn.multiheadAttention(4, 1);
const numbers = variable(0, [9, 1]);
const network = nn.sequential(
  nn.conv2d(1, 2, 3, { padding: 1 }),
  nn.maxPool2d(2),
  nn.conv2d(2, 4, 1),
  nn.flatten(),
  nn.linear(4, 2),
);
const images = (x: Tensor) => network(square(x));
const square = (x: Tensor) => reshape(x, [-1, 1, 2, 2]);
const plane = (x: Tensor) => reshape(x, [1, 1, ...x.shape]);
const square0 = (n: number) =>
  constant(
    Float32Array.from({ length: n * n }, (_, i) => i % 5),
    [n, n],
  );
const castLike = (index: Tensor, x: Tensor) => cast(index, x.dtype);
const argmaxed = (x: Tensor) => expand(argmax(x, 1, true), x.shape);
const copied = customOp("copied", {
  inputs: ["x"],
  outputs: { y: ({ x }) => x.shape },
  wgsl: "y_store(id.x, x(id.x));",
});
const unsqueezed = (x: Tensor) => reshape(x, [x.shape[0]!, 1, 4]);
const pairs = (x: Tensor) => reshape(x, [x.shape[0]!, 2, 2]);
const flat = (x: Tensor) => reshape(x, [-1]);

describe("values per sample", () => {
  test("are means of each sample's values; one value for all is none", () => {
    const at = (...shape: number[]) => perSample("loss", input("x", shape), 6)?.shape;
    expect([at(6), at(6, 1), at(6, 3), at(6, 2, 5)]).toEqual([[6], [6], [6], [6]]);
    expect([at(), at(1)]).toEqual([undefined, undefined]);
    expect(perSample("loss", input("x", [1]), 1)?.shape).toEqual([1]);
    expect(() => at(5)).toThrow("loss: its result is [5], expected a value for each of 6 samples, or one for all");
  });

  test("a stage repeats samples where it is not full, and converts", () => {
    const stage = new Stage({ x: { shape: [2], dtype: "f32" }, y: { shape: [], dtype: "i32" } }, 7);
    stage.gather("x", Uint8Array.of(1, 2, 3, 4, 5, 6), Uint32Array.of(2, 0, 1), 0, 3);
    stage.put("y", Float64Array.of(7, 8, 9), 0, 3, 0);
    stage.pad(3);
    const { x, y } = stage.feeds(["x", "y"]);
    expect(x).toEqual(Float32Array.of(5, 6, 1, 2, 3, 4, 5, 6, 1, 2, 3, 4, 5, 6));
    expect(y).toEqual(Int32Array.of(7, 8, 9, 7, 8, 9, 7));
    expect(stage.feeds(["y"], 2)).toEqual({ y: Int32Array.of(7, 8) });
  });

  test("are weighed by sample and class; what is no sample has no weight", () => {
    const stage = new Stage({ y: { shape: [], dtype: "i32" }, sampleWeight: { shape: [], dtype: "f32" } }, 4);
    stage.put("y", [0, 2, 1], 0, 3, 0);
    stage.put("sampleWeight", [1, 0.5, 3], 0, 3, 0);
    stage.pad(3);
    const classes = classWeightOf("fit", { 2: 4 }, "y", { y: { shape: [], dtype: "i32" } });
    expect(weightsOf("fit", stage, 3, 4, classes)).toEqual({ values: Float32Array.of(1, 2, 3, 0), sum: 6 });
    stage.put("sampleWeight", [-1], 0, 1, 0);
    expect(() => weightsOf("fit", stage, 3, 4)).toThrow("fit: the weight of a sample is -1, expected a number from 0");
    const even = new Stage({ y: { shape: [], dtype: "i32" } }, 4);
    expect(weightsOf("fit", even, 4, 4)).toEqual({ sum: 4 });
    expect(weightsOf("fit", even, 3, 4)).toEqual({ values: Float32Array.of(1, 1, 1, 0), sum: 3 });
  });
});

test("sums over many steps are exact", () => {
  const columns = new Columns({ rmse, right: { means: [mse], finish: (mean) => mean } });
  const sums = noSums();
  for (let i = 0; i < 2e5; i++) columns.add(sums, [0.1, 4, 1, 0.5], { rows: 3, weight: 2 });
  expect(sums).toMatchObject({ steps: 2e5, samples: 6e5, weight: 4e5 });
  const { loss, rmse: root, right } = columns.logs(sums);
  expect(loss).toBeCloseTo(0.05, 10);
  expect([root, right]).toEqual([Math.SQRT2, 0.5]);
  expect(columns.others([0.1, 4, 1, 0.5])).toEqual({ lr: 0.5 });
  expect(columns.others([0.1, 4, 1, 0.5, 7])).toEqual({ lr: 0.5, gradNorm: 7 });
});

describe("data", () => {
  const known = { names: ["x", "y"], specs: {} };
  const read = async (data: Data, size: number, epochs = 1) => {
    const stream = await open("fit", data, known, { epochs });
    const stage = new Stage(stream.specs, size);
    const reader = stream.epoch(0);
    const rows: number[] = [];
    for (let n = await reader.fill(stage); n > 0; n = await reader.fill(stage)) rows.push(n);
    return rows;
  };
  const x = { data: new Float32Array(14), shape: [7, 2] };
  const y = new Int32Array(7);

  test("is cut into batches of one size, whatever it comes in", async () => {
    expect(await read({ x, y }, 3)).toEqual([3, 3, 1]);
    expect(
      await read(
        [
          { x, y },
          { x, y },
        ],
        5,
      ),
    ).toEqual([5, 5, 4]);
    expect(await read(() => [{ x, y }], 7)).toEqual([7]);
  });

  test.each<[string, () => unknown, string]>([
    ["no array", () => ({ x }), 'fit: the data has no "y", only "x"'],
    ["an unknown one", () => ({ x, y, z: y }), 'fit: the data has "z", expected only "x", "y", "sampleWeight"'],
    ["unequal numbers", () => ({ x, y: new Int32Array(6) }), 'fit: "y" has 6 samples, "x" has 7'],
    [
      "batches without shapes",
      () => [{ x: x.data, y }],
      'each value of "x" counts as a sample, unless it is { data, shape: [n, …] }',
    ],
    ["64-bit integers", () => ({ x, y: new BigInt64Array(7) }), 'fit: "y" is a BigInt64Array, expected numbers in a'],
    ["a misfit", () => ({ x: { ...x, shape: [7, 3] }, y }), 'fit: "x" has shape [7, 3] and 14 values, expected [n, 3]'],
    ["no samples", () => [], "fit: the data has no samples"],
    [
      "other samples later",
      () => [
        { x, y },
        { x: y, y },
      ],
      'fit: "x" has 7 values, expected [n, 2]',
    ],
    ["a number", () => () => 3, "fit: the function of the data returned 3, expected an iterable"],
    [
      "a spent iterator",
      () => [][Symbol.iterator](),
      "fit: the data is an iterator, which can be read once, for 2 epochs",
    ],
  ])("refuses %s", async (_, make, message) => {
    await expect(read(make() as Data, 3, 2)).rejects.toThrow(message);
  });
});

describe("a gate", () => {
  const turn = () => new Promise((done) => setTimeout(done));

  test("holds a training, does tasks meanwhile, and lets it go", async () => {
    const gate = new Gate();
    gate.begin();
    const seen: string[] = [];
    const paused = gate.pause().then(() => seen.push("stands"));
    const passing = gate.pass(() => false).then(() => seen.push("goes"));
    await paused;
    await gate.between(async () => void seen.push("task"));
    await turn();
    expect(seen).toEqual(["stands", "task"]);
    gate.resume();
    await passing;
    expect(seen).toEqual(["stands", "task", "goes"]);
  });

  test("serves tasks on which the awaited work depends", async () => {
    const gate = new Gate();
    gate.begin();
    expect(await gate.serve(gate.between(async () => 3))).toBe(3);
    await expect(gate.serve(Promise.reject(new Error("no")))).rejects.toThrow("no");
  });

  test("lets a paused training end", async () => {
    const gate = new Gate();
    gate.begin();
    void gate.pause();
    let over = false;
    const passing = gate.pass(() => over);
    await turn();
    over = true;
    gate.wake();
    await passing;
  });

  test("keeps nobody waiting when the training has ended", async () => {
    const gate = new Gate();
    gate.begin();
    const all = [gate.between(async () => 1), gate.pause(), gate.between(() => Promise.reject(new Error("no")))];
    const settled = Promise.allSettled(all);
    await gate.end();
    expect((await settled).map(({ status }) => status)).toEqual(["fulfilled", "fulfilled", "rejected"]);
    expect(await gate.between(async () => 2)).toBe(2);
    await gate.pause();
  });
});

test("a budget of a quarter rests three times as long as the GPU worked", async () => {
  vi.useFakeTimers();
  try {
    const work = () => new Promise<void>((done) => setTimeout(done, 20));
    const device = { queue: { onSubmittedWorkDone: work } };
    const pace = new Pace({ device } as unknown as Engine, 0.25);
    await pace.rest(); // Too early for a wait.
    vi.advanceTimersByTime(10);
    let rested = false;
    const resting = pace.rest().then(() => {
      rested = true;
    });
    await vi.advanceTimersByTimeAsync(20 + 89);
    expect(rested).toBe(false);
    await vi.advanceTimersByTimeAsync(1);
    expect(rested).toBe(true);
    await resting;
  } finally {
    vi.useRealTimers();
  }
});

test("callbacks are called in order, each awaited", async () => {
  const seen: number[] = [];
  const slow = { onTrainEnd: () => new Promise<void>((done) => setTimeout(() => done(void seen.push(1)), 5)) };
  const training = {} as Parameters<NonNullable<Parameters<typeof notify>[0][number]["onTrainEnd"]>>[1];
  await notify(
    [slow, { onTrainEnd: () => seen.push(2) }, {}],
    "onTrainEnd",
    { epochs: [], steps: [], gradients: [] },
    training,
  );
  expect(seen).toEqual([1, 2]);
});

test.each<[string, object, string]>([
  ["no engine", { engine: undefined }, "Trainer: engine is missing, expected an engine: await Engine.create()"],
  ["no model", { model: undefined }, "Trainer: model is missing, expected a function from input to prediction"],
  ["a bare function", { model: (x: Tensor) => x }, "Trainer: model is a function, expected a module: pass the modules"],
  ["a loss that is none", { loss: "mse" }, 'Trainer: loss is "mse", expected a function, such as losses.mse'],
  ["a metric that is none", { metrics: { accuracy: 1 } }, 'Trainer: metric "accuracy" is 1, expected a function'],
  ["a misspelt option", { metric: {} }, 'Trainer: there is no option "metric" (did you mean "metrics"?)'],
  ["a size that is none", { shapes: { x: [0] } }, 'Trainer: a size of "x" is 0, expected a whole number from 1'],
])("a trainer with %s is refused", (_, wrong, message) => {
  const right = { engine, model: nn.linear(3, 1), loss: losses.mse };
  expect(() => new Trainer(right)).not.toThrow();
  expect(() => new Trainer({ ...right, ...wrong })).toThrow(message);
});
