import { describe, expect, test } from "vitest";
import { compile } from "../../src/compile/compile.ts";
import * as t from "../../src/index.ts";
import { input, losses, nn, optim, type Variable, variable } from "../../src/index.ts";
import { ReferenceProgram } from "../../src/reference/index.ts";
import { gpu, software } from "../adapters.ts";

function network() {
  nn.seed(5);
  const model = nn.sequential(nn.linear(40, 30), nn.batchNorm1d(30), nn.tanh(), nn.linear(30, 4));
  const loss = losses.crossEntropy(model(input("x", [8, 40]), { training: true }), input("y", [8], "i32"));
  const feeds = (step: number) => ({
    x: Array.from({ length: 320 }, (_, i) => Math.sin(i * (step + 1))),
    y: [0, 1, 2, 3, 0, 1, 2, 3],
  });
  return { model, loss, feeds };
}

const optimizers: Readonly<Record<string, () => Pick<optim.Optimizer, "minimize">>> = {
  sgd: () => optim.sgd({ lr: 0.1 }),
  adam: () => optim.adam({ lr: 0.1 }),
  "adamW, amsgrad": () => optim.adamW({ lr: 0.1, amsgrad: true }),
  "nadam, which keeps a product": () => optim.nadam({ lr: 0.1 }),
};

describe("averages follow torch.optim.swa_utils: a = p at first, then decay · a + (1 − decay) · p", () => {
  test.each(Object.entries(optimizers))("%s", (_, make) => {
    const { model, loss, feeds } = network();
    const ema = optim.ema(model, { decay: 0.75 });
    const plain = make();
    const program = new ReferenceProgram({
      outputs: { loss },
      updates: ema.follow(plain.minimize(loss, { clip: [optim.clipGradNorm(1), optim.clipGradValue(0.5)] })),
    });
    const wanted = new Map<Variable, number[]>();
    for (let step = 0; step < 4; step++) {
      program.run(feeds(step));
      for (const p of ema.averages.keys()) {
        const before = wanted.get(p);
        wanted.set(
          p,
          [...program.read(p)].map((x, i) => (before ? 0.75 * before[i]! + 0.25 * x : x)),
        );
      }
    }
    expect(ema.averages.size).toBe(6);
    expect(program.read(ema.count)[0]).toBe(4);
    for (const [p, average] of ema.averages) {
      expect([...program.read(average)], p.name).toEqual(wanted.get(p)!.map((x) => expect.closeTo(x, 6)));
      expect([...program.read(average)]).not.toEqual([...program.read(p)]);
    }
  });
});

describe.each([
  ["a GPU", gpu],
  ["a CPU adapter", software],
])("on %s, the kernel that updates parameters updates averages, too", (_, traits) => {
  type Make = (vectors: readonly Variable[]) => Pick<optim.Optimizer, "minimize">;
  const labels = (make: Make, averaged: boolean): string[] => {
    const { model, loss } = network();
    const ema = optim.ema(model);
    const isVector = ({ shape, group }: Variable) => shape.length < 2 && group === "parameters";
    const updates = make([...model.variables.values()].filter(isVector)).minimize(loss);
    const description = { outputs: { loss }, updates: averaged ? ema.follow(updates) : updates };
    return compile(description, traits).calls.map(({ label }) => label);
  };

  test.each<[string, number, number, Make]>([
    // It runs in the kernels of gradients where there are no averages.
    ["sgd", 1, 1, () => optim.sgd({ lr: 1 })],
    ["sgd with momentum", 1, 0, () => optim.sgd({ lr: 1, momentum: 0.9 })],
    // More numbers than bindings: a small dispatch packs them.
    ["adamW", 1, 1, () => optim.adamW()],
    ["sgd", 2, 0, (parameters) => optim.groups(optim.sgd, { lr: 1, momentum: 0.9 }, [{ parameters, weightDecay: 1 }])],
    ["adamW", 2, 1, (parameters) => optim.groups(optim.adamW, {}, [{ parameters, weightDecay: 0 }])],
  ])("%s in %i group(s), %i dispatch more", (name, groups, more, make) => {
    const [plain, averaged] = [labels(make, false), labels(make, true)];
    const updating = averaged
      .join(" | ")
      .split(" | ")
      .filter((label) => label.startsWith(name.split(" ")[0]!));
    expect(updating.length).toBe(groups);
    expect(averaged.join()).not.toContain("ema");
    expect(averaged.length).toBeLessThanOrEqual(plain.length + more * groups);
  });
});

test("a graph of averages computes with them, and with the model's own running statistics", () => {
  const { model, loss, feeds } = network();
  const ema = optim.ema(model, { decay: 0.5 });
  const state = new Map<Variable, Float64Array>();
  const training = new ReferenceProgram({ updates: ema.follow(optim.adam({ lr: 0.3 }).minimize(loss)) }, state);
  for (let step = 0; step < 3; step++) training.run(feeds(step));
  const y = model(input("x", [8, 40]));
  const evaluation = new ReferenceProgram({ outputs: { now: y, averaged: ema.averaged(y) } }, state);
  const at = { x: feeds(9).x };
  const { now, averaged } = evaluation.run(at);
  expect(averaged!.data).not.toEqual(now!.data);

  const swap = new ReferenceProgram({ updates: ema.swap() }, state);
  swap.run({});
  const swapped = evaluation.run(at);
  expect(swapped.now!.data).toEqual(averaged!.data);
  expect(swapped.averaged!.data).toEqual(now!.data);
  swap.run({});
  expect(evaluation.run(at).now!.data).toEqual(now!.data);
  expect(compile({ updates: ema.swap() }, gpu).calls.length).toBe(1);
});

test("a step that a scaler skips changes no average", () => {
  const w = variable(Float32Array.of(1, 2), [2], { name: "w" });
  const ema = optim.ema([w], { decay: 0.5 });
  const loss = t.mul(t.sum(w), input("x", []));
  const updates = ema.follow(optim.sgd({ lr: 1 }).minimize(loss, { scaler: optim.lossScaler({ initial: 2 }) }));
  expect(updates.taken).toBeDefined();
  const program = new ReferenceProgram({ updates });
  const average = ema.averages.get(w)!;
  const after = (x: number) => {
    program.run({ x: [x] });
    return [program.read(w), program.read(average), program.read(ema.count)].map((values) => values[0]);
  };
  expect(after(1)).toEqual([0, 0, 1]);
  expect(after(Number.POSITIVE_INFINITY)).toEqual([0, 0, 1]);
  expect(after(2)).toEqual([-2, -1, 2]);
});

test("averages follow part of the parameters, and updates by hand", () => {
  const [a, b] = [1, 2].map((x) => variable(Float32Array.of(x), [1], { name: `w${x}` })) as [Variable, Variable];
  const ema = optim.ema([b], { decay: 0.5 });
  const loss = t.sum(t.mul(a, b));
  const program = new ReferenceProgram({ updates: ema.follow(optim.sgd({ lr: 1 }).minimize(loss)) });
  program.run({});
  expect(program.read(ema.averages.get(b)!)[0]).toBe(1);
  const other = optim.ema([a], { decay: 0.5 });
  const byHand = new ReferenceProgram({ updates: other.follow([[a, t.add(a, 1)]]) });
  byHand.run({});
  byHand.run({});
  expect(byHand.read(other.averages.get(a)!)[0]).toBe(2.5);
});

test("an optimizer with averages around it steps for an accumulator, and keeps all state", () => {
  const { model, loss, feeds } = network();
  const ema = optim.ema(model, { decay: 0.5 });
  const optimizer = ema.around(optim.adam({ lr: 0.1 }));
  const parameters = optim.parametersOf(loss);
  const sums = optim.accumulator(parameters);
  const state = new Map<Variable, Float64Array>();
  const collect = new ReferenceProgram({ updates: sums.collect(loss) }, state);
  const step = new ReferenceProgram({ updates: sums.step(optimizer) }, state);
  for (let i = 0; i < 4; i++) {
    collect.run(feeds(i));
    if (i % 2 === 1) step.run({});
  }
  expect(step.read(ema.count)[0]).toBe(2);
  expect([...optimizer.state(nn.stateDict(model)).keys()]).toEqual(
    expect.arrayContaining(["lr", "step", "0.weight.exp_avg", "ema.n_averaged", "ema.0.weight"]),
  );
});

test("state and weights have the model's names", () => {
  const { model } = network();
  const ema = optim.ema(model);
  const weights = nn.stateDict(model);
  const names = [...weights.keys()];
  expect([...ema.state(weights).keys()]).toEqual([
    "n_averaged",
    ...names.filter((name) => !/running|tracked/.test(name)),
  ]);
  expect([...ema.weights(weights).keys()]).toEqual(names);
  expect(ema.weights(weights).get("1.running_mean")).toBe(weights.get("1.running_mean"));
  expect(ema.weights(weights).get("0.weight")).toBe(ema.averages.get(weights.get("0.weight")!));
  expect([...ema.averages].every(([p, average]) => average.initial.every((x, i) => x === p.initial[i]))).toBe(true);
});

test("optim.ema refuses what it cannot average", () => {
  const { model, loss } = network();
  expect(() => optim.ema(model, { decay: 1 })).toThrow("optim.ema: decay is 1, expected a number from 0 to below 1");
  expect(() => optim.ema(nn.relu())).toThrow("optim.ema: no parameters");
  expect(() => optim.ema(5 as never)).toThrow(
    "optim.ema: parameters is 5, expected an array of variables, or a module",
  );
  const other = variable(0, [2], { name: "other" });
  expect(() => optim.ema([other]).follow(optim.sgd({ lr: 1 }).minimize(loss))).toThrow(
    'optim.ema: the updates change none of "other"',
  );
});
