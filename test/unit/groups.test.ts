import { describe, expect, test } from "vitest";
import { type Compiled, compile } from "../../src/compile/compile.ts";
import * as t from "../../src/index.ts";
import { input, losses, nn, optim, type Tensor, type Variable, variable } from "../../src/index.ts";
import { ReferenceProgram } from "../../src/reference/index.ts";
import { gpu, software } from "../adapters.ts";

const named = (name: string, ...values: number[]): Variable =>
  variable(Float32Array.from(values), [values.length], { name });

/** Two parameters, and a loss whose gradients change with both. */
function pair() {
  const [a, b] = [named("a", 0.5, -1, 2), named("b", 1.5, 0.25, -0.75)];
  const loss = t.sum(t.mul(t.mul(a, a), t.exp(t.mul(b, 0.5))));
  const gradients = ([p, q]: readonly number[][]) => [
    p!.map((x, i) => 2 * x * Math.exp(0.5 * q![i]!)),
    p!.map((x, i) => 0.5 * x * x * Math.exp(0.5 * q![i]!)),
  ];
  return { a, b, loss, gradients };
}

type Rates = { readonly lr: number; readonly weightDecay: number };

/** One parameter under an optimizer, by its textbook formula in float64. */
type Formula = (rates: Rates) => (p: number[], g: number[], step: number) => number[];

const sgd: Formula = ({ lr, weightDecay }) => {
  let buffer: number[] = [];
  return (p, g) => {
    buffer = p.map((x, i) => 0.9 * (buffer[i] ?? 0) + g[i]! + weightDecay * x);
    return p.map((x, i) => x - lr * buffer[i]!);
  };
};

const adamOf =
  (decoupled: boolean): Formula =>
  ({ lr, weightDecay }) => {
    const m: number[] = [];
    const v: number[] = [];
    return (p, g, step) =>
      p.map((x, i) => {
        const d = decoupled ? g[i]! : g[i]! + weightDecay * x;
        m[i] = 0.9 * (m[i] ?? 0) + 0.1 * d;
        v[i] = 0.999 * (v[i] ?? 0) + 0.001 * d * d;
        const shrunk = decoupled ? x * (1 - lr * weightDecay) : x;
        return shrunk - (lr * (m[i]! / (1 - 0.9 ** step))) / (Math.sqrt(v[i]! / (1 - 0.999 ** step)) + 1e-8);
      });
  };

const makers: Readonly<Record<string, readonly [make: (rates: Partial<Rates>) => optim.Optimizer, formula: Formula]>> =
  {
    SGD: [(rates) => optim.sgd({ momentum: 0.9, lr: 0.1, ...rates }), sgd],
    Adam: [(rates) => optim.adam(rates), adamOf(false)],
    AdamW: [(rates) => optim.adamW(rates), adamOf(true)],
  };

describe("each group moves by its own rate and decay, as computed by hand in float64", () => {
  test.each(Object.entries(makers))("%s", (_, [make, formula]) => {
    const { a, b, loss, gradients } = pair();
    const optimizer = optim.groups(make, { lr: 0.05, weightDecay: 0.2 }, [
      { parameters: [b], lr: 0.01, weightDecay: 0 },
    ]);
    const program = new ReferenceProgram({ updates: optimizer.minimize(loss) });
    const moves = [formula({ lr: 0.05, weightDecay: 0.2 }), formula({ lr: 0.01, weightDecay: 0 })];
    let wanted = [[...a.initial], [...b.initial]];
    for (let step = 1; step <= 6; step++) {
      program.run({});
      const g = gradients(wanted);
      wanted = wanted.map((p, i) => moves[i]!(p, g[i]!, step));
      for (const [i, parameter] of [a, b].entries())
        expect([...program.read(parameter)], `step ${step}`).toEqual(wanted[i]!.map((x) => expect.closeTo(x, 6)));
    }
    expect(wanted[1]).not.toEqual([...b.initial]);
  });
});

test("rates of groups can be written, and one schedule applies to all", () => {
  const { a, b, loss } = pair();
  const schedule = optim.exponentialLR({ gamma: 0.5 });
  const optimizer = optim.groups(optim.sgd, { lr: 1, schedule }, [{ parameters: [b], lr: 0.1 }]);
  const program = new ReferenceProgram({
    outputs: { loss },
    updates: optimizer.apply([a, b], [t.onesLike(a), t.onesLike(b)]),
  });
  const moved = (parameter: Variable) => {
    const before = program.read(parameter)[0]!;
    return () => before - program.read(parameter)[0]!;
  };
  for (const [step, factor] of [1, 0.5, 0.25].entries()) {
    if (step === 2) program.write(optimizer.groups[0]!.lr, [8]);
    const [ofA, ofB] = [moved(a), moved(b)];
    program.run({});
    expect([ofA(), ofB()]).toEqual([factor, step === 2 ? 8 * factor : 0.1 * factor].map((x) => expect.closeTo(x, 6)));
  }
});

test("clipping by norm sees the gradients of all groups, and so does a scaler", () => {
  const { a, b } = pair();
  const optimizer = optim.groups(optim.sgd, { lr: 1 }, [{ parameters: [b], lr: 2 }]);
  const g = [t.constant(Float32Array.of(3, 0, 0), [3]), t.constant(Float32Array.of(0, 4, 0), [3])];
  const updates = optimizer.apply([a, b], g, { clip: optim.clipGradNorm(1) });
  const program = new ReferenceProgram({ outputs: { norm: updates.norm! }, updates });
  expect(program.run({}).norm!.data[0]).toBe(5);
  expect(program.read(a)[0]! - 0.5).toBeCloseTo(-3 / 5, 5);
  expect(program.read(b)[1]! - 0.25).toBeCloseTo((-2 * 4) / 5, 5);

  const scaler = optim.lossScaler({ initial: 8 });
  const x = input("x", []);
  const skipping = optim.groups(optim.adam, { lr: 1 }, [{ parameters: [b], lr: 2 }]);
  const loss = t.mul(t.add(t.sum(a), t.sum(b)), x);
  const taken = skipping.minimize(loss, [a, b], { scaler, clip: [optim.clipGradNorm(9), optim.clipGradValue(1)] });
  const scaled = new ReferenceProgram({ outputs: { taken: taken.taken! }, updates: taken });
  expect(scaled.run({ x: [Number.POSITIVE_INFINITY] }).taken!.data[0]).toBe(0);
  expect([a, b].map((p) => [...scaled.read(p)])).toEqual([[...a.initial], [...b.initial]]);
  expect([scaler.scale, skipping.groups[0]!.step!].map((v) => scaled.read(v)[0])).toEqual([4, 0]);
  expect(scaled.run({ x: [1] }).taken!.data[0]).toBe(1);
  expect(scaled.read(a)[0]! - 0.5).toBeCloseTo(-1, 5);
  expect(scaled.read(b)[0]! - 1.5).toBeCloseTo(-2, 5);
});

test("an accumulator takes its steps", () => {
  const { a, b, loss } = pair();
  const optimizer = optim.groups(optim.sgd, { lr: 0.1 }, [{ parameters: [b], lr: 0 }]);
  const sums = optim.accumulator([a, b]);
  const state = new Map();
  new ReferenceProgram({ updates: sums.collect(loss) }, state).run({});
  const step = new ReferenceProgram({ updates: sums.step(optimizer) }, state);
  step.run({});
  expect([...step.read(b)]).toEqual([...b.initial]);
  expect([...step.read(a)]).not.toEqual([...a.initial]);
});

/** A network whose weights and biases alternate in memory, wide enough that its updates are no small calls. */
function network() {
  nn.seed(3);
  const sizes = [300, 200, 150, 120, 10];
  const model = nn.sequential(
    ...sizes.slice(1).flatMap((size, i) => [nn.linear(sizes[i]!, size), nn.layerNorm(size), nn.tanh()]),
  );
  const loss = losses.crossEntropy(model(input("x", [16, 300])), input("y", [16], "i32"));
  const vectors = [...nn.stateDict(model).values()].filter(({ shape }) => shape.length < 2);
  return { model, loss, vectors };
}

const labelled = ({ calls }: Compiled, what: RegExp) => calls.filter(({ label }) => what.test(label)).length;

describe.each([
  ["a GPU", gpu],
  ["a CPU adapter", software],
])("on %s", (_, traits) => {
  test("a group takes one dispatch, and one at most for its numbers", () => {
    const { loss, vectors } = network();
    const one = compile({ outputs: { loss }, updates: optim.adamW().minimize(loss) }, traits);
    const { loss: same, vectors: own } = network();
    const sums = optim.accumulator(optim.parametersOf(same));
    const optimizer = optim.groups(optim.adamW, {}, [{ parameters: own, weightDecay: 0 }]);
    const two = compile({ outputs: { loss: same }, updates: optimizer.minimize(same) }, traits);
    expect(vectors.length).toBe(12);
    expect([labelled(one, /adamW/), labelled(two, /adamW/)]).toEqual([1, 2]);
    // The other one computes the group's numbers, such as its step.
    expect(two.calls.length).toBeLessThanOrEqual(one.calls.length + 2);
    // Each group's parameters, gradients and moments are in one piece.
    const unmerged = compile({ updates: optimizer.minimize(same) }, traits, two.homes, { merge: false });
    expect(labelled(unmerged, /adamW/)).toBe(2);
    sums.collect(same);
    const accumulated = compile({ updates: sums.step(optimizer) }, traits, two.homes, { merge: false });
    expect(labelled(accumulated, /adamW/)).toBe(2);
  });
});

test("state names the numbers of each group, and each parameter's moments once", () => {
  const { model, loss, vectors } = network();
  const optimizer = optim.groups(optim.adamW, { lr: 0.1 }, [
    { parameters: vectors, weightDecay: 0 },
    { parameters: [], lr: 7 },
  ]);
  optimizer.minimize(loss);
  const weights = nn.stateDict(model);
  const names = [...optimizer.state(weights).keys()];
  expect(names.slice(0, 2)).toEqual(["lr", "step"]);
  expect(names.filter((name) => name.startsWith("groups."))).toEqual(
    [0, 1].flatMap((i) => [`groups.${i}.lr`, `groups.${i}.step`]),
  );
  const moments = [...weights.keys()].flatMap((name) => [`${name}.exp_avg`, `${name}.exp_avg_sq`]);
  expect(names.filter((name) => name.includes("exp_avg")).sort()).toEqual(moments.sort());
});

test("a module stands for its parameters, without running statistics", () => {
  const body = nn.sequential(nn.linear(3, 4), nn.batchNorm1d(4));
  const head = nn.linear(4, 2);
  const y: Tensor = head(body(input("x", [5, 3]), { training: true }));
  const optimizer = optim.groups(optim.sgd, { lr: 1 }, [{ parameters: body, lr: 0 }]);
  const updates = optimizer.minimize(t.sum(t.mul(y, y)));
  const program = new ReferenceProgram({ updates });
  program.run({ x: Array.from({ length: 15 }, (_, i) => Math.sin(i)) });
  for (const [name, v] of nn.stateDict({ body, head })) {
    const same = [...program.read(v)].every((value, i) => value === v.initial[i]);
    expect([name, same]).toEqual([name, /body.*(weight|bias)/.test(name)]);
  }
});

describe("optim.groups refuses", () => {
  const { a, b, loss } = pair();
  const make = (groups: unknown) => () => optim.groups(optim.sgd, { lr: 1 }, groups as never);

  test.each<[string, () => unknown, string]>([
    [
      "a parameter in two groups",
      make([{ parameters: [a] }, { parameters: [b, a] }]),
      'optim.groups: "a" is in two groups',
    ],
    ["no list", make({}), "optim.groups: the list of groups is an object, expected an array"],
    [
      "no parameters",
      make([{ lr: 1 }]),
      "parameters of group 0 is missing, expected an array of variables, or a module",
    ],
    [
      "tensors",
      make([{ parameters: [t.exp(a)] }]),
      "parameters of group 0: an item is tensor f32[3], expected a variable",
    ],
    ["unknown options", make([{ parameters: [a], weightdecay: 1 }]), 'optim.sgd: there is no option "weightdecay"'],
    ["wrong options", make([{ parameters: [a], lr: -1 }]), "optim.sgd: lr is -1, expected a number from 0"],
    [
      "an optimizer in place of its function",
      () => optim.groups(optim.adam() as never, {} as never, []),
      "optim.groups: the optimizer is",
    ],
    ["wrong clips", () => make([])().minimize(loss, { clip: 5 as never }), "optim.groups: clip is 5"],
    [
      "no loss",
      () => make([])().minimize(a as never),
      "optim.groups: the loss has shape [3], expected a single element",
    ],
  ])("%s", (_, call, message) => {
    expect(call).toThrow(message);
  });
});
