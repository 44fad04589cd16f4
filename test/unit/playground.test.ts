import { describe, expect, test } from "vitest";
import { drawable } from "../../demos/parts/course.ts";
import { parseHash, printHash, unread } from "../../demos/parts/hash.ts";
import { fields, split, together } from "../../demos/playground/address.ts";
import { givenOf } from "../../demos/playground/code/given.ts";
import { kerasCode } from "../../demos/playground/code/keras.ts";
import { pytorchCode } from "../../demos/playground/code/pytorch.ts";
import { tilegradCode } from "../../demos/playground/code/tilegrad.ts";
import { featuresOf } from "../../demos/playground/features.ts";
import { added, changed, changesBetween, type Edit, entriesOf, historyOf } from "../../demos/playground/history.ts";
import { mostInAddress, noPoints, ownField, parsePoints, printPoints } from "../../demos/playground/own.ts";
import { count, drawn, reach, samples, taskOf } from "../../demos/playground/problems.ts";
import { rateAt } from "../../demos/playground/schedule.ts";
import { lossOf, type schedules } from "../../demos/playground/settings.ts";
import { pointsOf } from "../../demos/playground/table.ts";
import { firstValues } from "../../demos/playground/values.ts";

const initial = parseHash(fields, "");

describe("an address of the playground", () => {
  test("holds what differs from the initial settings, and gives it back", () => {
    expect(printHash(fields, initial)).toBe("");
    const changed = {
      ...initial,
      ...{ problem: "spiral", layers: [8, 1], rate: 0.1, noise: 35, features: ["x1", "x1.x2"], hide: ["seed", "code"] },
    } as typeof initial;
    const hash = printHash(fields, changed);
    expect(hash).toBe("problem=spiral&noise=35&features=x1-x1.x2&layers=8-1&rate=0.1&hide=seed-code");
    expect(parseHash(fields, `#${hash}`)).toEqual({ ...changed, hide: ["code", "seed"] });
    expect(parseHash(fields, "layers=").layers).toEqual([]);
  });

  test("names the parts that mean nothing", () => {
    expect(unread(fields, "#problem=spiral&layers=8-1&b.rate=0.1&paused=1")).toEqual([]);
    expect(unread(fields, "#problem=foo&noise=5&layers=99&colour=red")).toEqual([
      "problem=foo",
      "layers=99",
      "colour=red",
    ]);
    expect(unread(fields, `#own=${"x".repeat(500)}`)).toEqual([`own=${"x".repeat(20)}…`]);
  });

  test("holds two networks", () => {
    const { shared, networks } = split(initial);
    expect(networks).toHaveLength(1);
    const two = {
      shared,
      networks: [networks[0]!, { ...networks[0]!, layers: [8], dropout: 0.2 }],
      paused: true,
      edits: [],
    };
    const hash = printHash(fields, together(two));
    expect(hash).toBe("compare=1&b.layers=8&b.dropout=0.2&paused=1");
    expect(split(parseHash(fields, hash))).toEqual(two);
  });

  test("holds changes at their steps: the settings after them, and those before", () => {
    const edits = "0,layers,4-2;12,rate,0.01;12,weight.1.7,-0.25;13,b.bias.0.2,1e21;40,rate,0.1";
    const values = parseHash(fields, `layers=8&rate=0.3&edits=${edits}`);
    const history = historyOf(values);
    expect(history.start).toEqual({ ...values, layers: [4, 2], rate: 0.01, edits: [] });
    expect(history.edits.slice(1)).toEqual([
      { step: 12, name: "rate", before: "0.01", after: "0.1" },
      { step: 12, run: 0, place: { layer: 1, kind: "weight", index: 7 }, value: -0.25 },
      { step: 13, run: 1, place: { layer: 0, kind: "bias", index: 2 }, value: 1e21 },
      { step: 40, name: "rate", before: "0.1", after: "0.3" },
    ]);
    expect(changed(history.start, history.edits)).toEqual({ ...values, edits: [] });
    expect(fields.edits.print(entriesOf(history.edits))).toBe(edits);
  });

  test("holds the last of several changes at one step", () => {
    const [slow, fast, faster] = ["0.01", "0.1", "0.3"].map((rate) => parseHash(fields, `rate=${rate}`));
    const all = [
      ...changesBetween(3, slow!, fast!),
      ...changesBetween(3, fast!, faster!),
      ...changesBetween(4, fast!, slow!),
    ];
    const edits = all.reduce<Edit[]>((some, edit) => added(some, edit), []);
    expect(fields.edits.print(entriesOf(edits))).toBe("3,rate,0.01;4,rate,0.1");
    expect(changesBetween(0, slow!, fast!)).toEqual([]);
    expect(changesBetween(0, slow!, { ...slow!, layers: [1], problem: "rings" })).toHaveLength(1);
  });

  test.each(["1,rate,2", "1,seed,4", "1,weight.0.1,x", "1,weight.0.1,1e60", "1,knob,2"])(
    "starts with its settings where %s means nothing",
    (edit) => {
      const values = parseHash(fields, `rate=0.1&edits=1,layers,1;${edit}`);
      expect(values.edits).toHaveLength(2);
      expect(historyOf(values)).toEqual({ start: { ...values, edits: [] }, edits: [] });
    },
  );

  test.each([
    "edits=2,rate,0.1;1,rate,1",
    "edits=rate",
    "edits=",
    "problem=chess",
    "noise=51",
    "noise=-1",
    "noise=1e1",
    "layers=9",
    "layers=2-0",
    "layers=1-1-1-1-1-1-1",
    "features=",
    "features=x1-x9",
    "own=c*",
    "own=cAAA",
    "own=rAAAA_w",
    "dropout=1",
    "rate=2",
    "seed=",
  ])("ignores %s", (hash) => expect(parseHash(fields, hash)).toEqual(initial));

  test("means the usual loss where its own does not fit the task", () => {
    expect(lossOf({ ...initial, problem: "xor", loss: "huber" })).toBe("logistic");
    expect(lossOf({ ...initial, problem: "hills", loss: "huber" })).toBe("huber");
  });
});

describe.each(drawn)("the points of %s", (problem) => {
  const points = samples({ problem, noise: 20, split: 70, seed: 3, own: noPoints });

  test("are the same for a seed, lie in the square, and are split", () => {
    expect(samples({ problem, noise: 20, split: 70, seed: 3, own: noPoints })).toEqual(points);
    expect(samples({ problem, noise: 20, split: 70, seed: 4, own: noPoints })).not.toEqual(points);
    expect(points.train).toBe(280);
    expect(points.x.every((value) => Math.abs(value) <= reach)).toBe(true);
  });

  test("have both classes, or values around 0", () => {
    if (taskOf({ problem, own: noPoints }) === "classification") {
      const positive = points.y.filter((y) => y === 1).length;
      expect(points.y.filter((y) => y === -1).length).toBe(count - positive);
      expect(Math.abs(positive - count / 2)).toBeLessThan(60);
    } else {
      expect(Math.abs(points.y.reduce((sum, y) => sum + y, 0) / count)).toBeLessThan(0.1);
    }
  });
});

describe("a visitor's points", () => {
  const points = Array.from({ length: 40 }, (_, i) => ({ x: [i / 10 - 2, 3.3] as const, y: i % 2 ? 1 : -1 }));

  test("come back from an address, to a five-hundredth", () => {
    const own = printPoints("classification", points);
    const back = parsePoints(ownField.parse(ownField.print(own))!);
    for (const [i, { x, y }] of back.entries()) {
      expect(x[0]).toBeCloseTo(points[i]!.x[0], 2);
      expect(x[1]).toBeCloseTo(3.3, 2);
      expect(y).toBe(points[i]!.y);
    }
    // What has been read once stays as it is.
    expect(printPoints("classification", back)).toBe(own);
    expect(parsePoints(printPoints("regression", [{ x: [4, -4], y: -0.37 }]))).toEqual([{ x: [4, -4], y: -0.37 }]);
  });

  test("stay out of the address where they are too many", () => {
    const many = (n: number) => printPoints("regression", Array(n).fill(points[0]));
    expect(ownField.print(many(mostInAddress))).toBe(many(mostInAddress));
    expect(ownField.print(many(mostInAddress + 1))).toBe(noPoints);
  });

  test("are split evenly, whatever their order, and stay in their part when others come", () => {
    const settings = { ...initial, problem: "own", split: 50 } as const;
    const all = samples({ ...settings, own: printPoints("classification", points) });
    expect(Math.abs(all.train - 20)).toBeLessThan(2);
    expect(Math.abs(all.y.slice(0, all.train).reduce((sum, y) => sum + y, 0))).toBeLessThan(5);
    const fewer = samples({ ...settings, own: printPoints("classification", points.slice(0, 30)) });
    expect(all.x.slice(0, 2 * fewer.train)).toEqual(fewer.x.slice(0, 2 * fewer.train));
  });

  test.each([
    ["x,y,label\n1,2,red\n-1,0.5,blue", "classification", [1, 2, -1, 0.5], [1, -1]],
    ["1;2;0\n3;4;1", "classification", [1, 2, 3, 4], [-1, 1]],
    ["0\t0\t-0.5\n1\t1\t0\n2\t2\t0.25\n", "regression", [0, 0, 1, 1, 2, 2], [-0.5, 0, 0.25]],
    ["0,10,5\n1,20,10\n2,30,15", "regression", [0, -3.8, 1, 0, 2, 3.8], [-1, 0, 1]],
  ])("are read from %j", (text, task, x, y) => {
    const read = pointsOf(text);
    expect(read.task).toBe(task);
    expect(read.points.flatMap(({ x }) => x)).toEqual(x);
    expect(read.points.map(({ y }) => y)).toEqual(y);
  });

  test("say how a table was changed to fit", () => {
    expect(pointsOf("0,10,a\n1,20,b").notes).toEqual([
      "y runs from 10 to 20: scaled to fit.",
      '"a" is orange, "b" is blue.',
    ]);
  });

  test.each([
    ["", /no rows/],
    ["x,y,label", /no rows/],
    ["1,2", /Row 1 has 2 columns/],
    ["1 2 a\n3 4 b", /Row 2 has 1 column; expected x, y and a label, parted by commas/],
    ["NaN,1,a\n1,2,b", /Row 1 has "NaN" for a coordinate/],
    ["1,1e39,a\n1,2,b", /Row 1 has "1e39" for a coordinate/],
    ["x,y,l\n1,2,\n3,4,b", /Row 2 has no label/],
    ['1,2,a\n1,"2,a\n3,4,b', /Row 2 opens a quote that does not end/],
    ["x,y,l\n1,2,3\n1,b,3", /Row 3 has "b" for a coordinate/],
    ["1,2,a\n1,2,b\n1,2,c", /3 labels \(a, b, c…\)/],
  ])("are refused from %j", (text, message) => expect(() => pointsOf(text)).toThrow(message));

  test("are refused where they are too many", () => {
    expect(() => pointsOf("1,2,3\n".repeat(4001))).toThrow(/4001 rows; this page takes 4000/);
  });
});

test("features are formulas of the coordinates, filled up with 0", () => {
  const values = featuresOf(["x1", "x2.x2", "x1.x2", "sin2"], Float32Array.of(2, 3), 2);
  expect([...values]).toEqual([2, 9, 6, Math.fround(Math.sin(3)), 0, 0, 0, 0]);
});

test("learning rates follow PyTorch's schedulers", () => {
  const at = (schedule: (typeof schedules)[number], epochs: readonly number[]) =>
    epochs.map((epoch) => Number(rateAt({ rate: 0.1, schedule }, epoch).toPrecision(6)));
  // By torch.optim.lr_scheduler: StepLR(50, 0.5), ExponentialLR(0.99), CosineAnnealingWarmRestarts(100), LinearLR(0.1, 1, 10).
  expect(at("constant", [0, 500])).toEqual([0.1, 0.1]);
  expect(at("halving", [0, 49, 50, 100])).toEqual([0.1, 0.1, 0.05, 0.025]);
  expect(at("decay", [0, 1, 100])).toEqual([0.1, 0.099, 0.0366032]);
  expect(at("cosine", [0, 50, 75, 100])).toEqual([0.1, 0.05, 0.0146447, 0.1]);
  expect(at("warmup", [0, 1, 5, 10, 99])).toEqual([0.01, 0.019, 0.055, 0.1, 0.1]);
});

test("a network that grows keeps the weights between units that stay", () => {
  const small = { ...initial, layers: [2, 2] };
  const values = firstValues({ ...small, seed: 9 });
  const kept = { settings: small, values };
  const [first, second, output] = firstValues({ ...initial, layers: [3, 2] }, kept);
  expect(first!.weight.slice(0, 4)).toEqual(values[0]!.weight);
  expect([0, 1, 3, 4].map((i) => second!.weight[i])).toEqual([...values[1]!.weight]);
  expect(output!.weight).toEqual(values[2]!.weight);
  // The new layer's weights and the output's are drawn: they have met no such units.
  const [, , added, last] = firstValues({ ...initial, layers: [2, 2, 2] }, kept);
  expect(added!.weight).toEqual(firstValues({ ...initial, layers: [2, 2, 2] })[2]!.weight);
  expect(last!.weight).toEqual(firstValues({ ...initial, layers: [2, 2, 2] })[3]!.weight);
  // A feature that comes in between takes no other's weights.
  const [more] = firstValues({ ...initial, layers: [2, 2], features: ["x1", "x1.x2", "x2"] as const }, kept);
  expect([0, 2, 3, 5].map((i) => more!.weight[i])).toEqual([...values[0]!.weight]);
});

test.each([
  ["tilegrad.mjs.txt", tilegradCode],
  ["pytorch.py.txt", pytorchCode],
  ["keras.py.txt", kerasCode],
] as const)("a run becomes a program: %s", async (file, code) => {
  const points = [-3, -1, 1, 3].map((x) => ({ x: [x, x / 2] as const, y: x > 0 ? 1 : -1 }));
  const settings = {
    ...initial,
    ...{
      problem: "own",
      own: printPoints("classification", points),
      features: ["x1", "x1.x2"],
      layers: [3, 2],
      seed: 7,
    },
    ...{ optimizer: "momentum", schedule: "cosine", penalty: "l2", dropout: 0.2, batch: 1 },
  } as typeof initial;
  await expect(code(givenOf(settings), 100)).toMatchFileSnapshot(`playground/${file}`);
});

test("a curve has gaps where there was no loss yet", () => {
  expect(drawable([Number.NaN, 0.5, Number.POSITIVE_INFINITY, 0.25])).toEqual([null, 0.5, null, 0.25]);
});
