import { afterAll, beforeAll, describe, expect, test } from "vitest";
import * as t from "../../src/index.ts";
import { Engine, grad, input, optim, type Variable, variable } from "../../src/index.ts";
import { evaluate, ReferenceProgram } from "../../src/reference/index.ts";
import { basicEngine } from "../basic.ts";
import { firstMiss } from "../golden/cases.ts";

/*
 * Optimizers, schedules and clipping on the device against the float64 twin; the training runs of PyTorch are
 * elsewhere.
 */

let engine: Engine;
beforeAll(async () => {
  engine = await basicEngine();
});
afterAll(() => {
  engine.destroy();
  engine.device.destroy();
});

const noise = (n: number, seed: number) => Float32Array.from({ length: n }, (_, i) => Math.sin(12.9898 * (i + seed)));

const makers: Readonly<Record<string, () => optim.Optimizer>> = {
  sgd: () => optim.sgd({ lr: 0.1, momentum: 0.9, dampening: 0.5, weightDecay: 0.01 }),
  adam: () => optim.adam({ lr: 0.1, amsgrad: true, weightDecay: 0.01 }),
  adamW: () => optim.adamW({ lr: 0.1, amsgrad: true }),
  adamax: () => optim.adamax({ lr: 0.1, weightDecay: 0.01 }),
  nadam: () => optim.nadam({ lr: 0.1, weightDecay: 0.01 }),
  radam: () => optim.radam({ lr: 0.1, betas: [0.9, 0.98], weightDecay: 0.01 }),
  rmsProp: () => optim.rmsProp({ lr: 0.01, momentum: 0.5, weightDecay: 0.01 }),
  "rmsProp, centered": () => optim.rmsProp({ lr: 0.01, centered: true, eps: 1e-3 }),
  adagrad: () => optim.adagrad({ lr: 0.1, lrDecay: 0.1, initialAccumulatorValue: 0.1, weightDecay: 0.01 }),
  adadelta: () => optim.adadelta({ rho: 0.8, eps: 1e-4, weightDecay: 0.01 }),
};

describe("twenty steps agree with the twin, clipped by norm and value", () => {
  test.each(Object.entries(makers))("%s", { tags: ["quick"] }, async (_, make) => {
    // Ragged sizes: padding after a tensor must not count.
    const parameters = [[5], [3, 7], [1], [130, 9]].map((shape, i) => {
      const size = shape.reduce((a, b) => a * b);
      return variable(noise(size, i), shape, { name: `p${i}` });
    });
    const x = input("x", [1]);
    const loss = parameters
      .map((p, i) => t.mul(t.sum(t.mul(t.sub(p, x), t.sub(p, x))), i + 1))
      .reduce((a, b) => t.add(a, b));
    const optimizer = make();
    const updates = optimizer.minimize(loss, { clip: [optim.clipGradNorm(2), optim.clipGradValue(0.3)] });
    const description = { outputs: { loss, norm: updates.norm! }, updates };
    const twin = new ReferenceProgram(description);
    const program = await engine.compile(description);
    for (let step = 0; step < 20; step++) {
      const feeds = { x: Float32Array.of(Math.cos(step)) };
      await program.run(feeds);
      const wanted = twin.run(feeds);
      const norm = await program.outputs.norm.data();
      expect(firstMiss(norm, wanted.norm!.data, 1e-4, 1e-5), `step ${step}`).toBeUndefined();
    }
    const named = new Map(parameters.map((p) => [p.name, p]));
    for (const v of [...parameters, ...optimizer.state(named).values()]) {
      expect(firstMiss(await engine.read(v), twin.read(v), 2e-4, 2e-4), v.name).toBeUndefined();
    }
    program.destroy();
  });
});

/** The values of a scalar formula on the device, with the step set by hand. */
async function along(
  steps: readonly number[],
  optimizer: optim.Optimizer,
  description: Parameters<Engine["compile"]>[0],
  name: string,
): Promise<number[]> {
  const program = await engine.compile(description);
  const found: number[] = [];
  for (const step of steps) {
    engine.write(optimizer.step!, Int32Array.of(step));
    await program.run();
    found.push(await program.outputs[name]!.scalar());
  }
  program.destroy();
  return found;
}

const early = Array.from({ length: 40 }, (_, i) => i);
const late = [99, 100, 101, 4_095, 99_999, 100_000, 1_000_003];

describe("schedules agree with their plain numbers at early and late steps", () => {
  const schedules: Readonly<Record<string, optim.Schedule>> = {
    constantLR: optim.constantLR(),
    stepLR: optim.stepLR({ stepSize: 10, gamma: 0.7 }),
    "stepLR, slow": optim.stepLR({ stepSize: 10_000, gamma: 0.95 }),
    multiStepLR: optim.multiStepLR({ milestones: [3, 10, 100, 100_000] }),
    exponentialLR: optim.exponentialLR({ gamma: 0.9999 }),
    cosineAnnealingLR: optim.cosineAnnealingLR({ tMax: 13, etaMin: 0.01 }),
    "cosineAnnealingLR, slow": optim.cosineAnnealingLR({ tMax: 100_000 }),
    cosineWarmRestarts: optim.cosineWarmRestarts({ t0: 7, etaMin: 0.01 }),
    "cosineWarmRestarts, growing": optim.cosineWarmRestarts({ t0: 3, tMult: 2 }),
    linearLR: optim.linearLR({ totalIters: 17 }),
    linearWarmupLinearDecay: optim.linearWarmupLinearDecay({ warmupSteps: 9, totalSteps: 101 }),
    "oneCycleLR, cos": optim.oneCycleLR({ totalSteps: 100, maxLr: 0.3 }),
    "oneCycleLR, linear": optim.oneCycleLR({ totalSteps: 100, annealStrategy: "linear" }),
  };
  test.each(Object.entries(schedules))("%s", async (_, schedule) => {
    const w = variable(Float32Array.of(0), [], { name: "w" });
    const optimizer = optim.sgd({ lr: 0.5, schedule });
    const updates = optimizer.minimize(w, [w]);
    const steps = [...early, ...late];
    const got = await along(steps, optimizer, { outputs: { rate: updates.rate }, updates }, "rate");
    const wanted = steps.map((step) => schedule.at(step, 0.5));
    expect(firstMiss(got, wanted, 5e-6, 1e-9)).toBeUndefined();
  });
});

test.each([0.9, 0.99, 0.999, 0.9999])("RAdam's rectification with β₂ = %f is exact to f32", async (beta2) => {
  // With gradients of 1 and lr 1, the step is the rectification itself.
  const w = variable(Float32Array.of(0), [], { name: "w" });
  const v = variable(Float32Array.of(0), [], { name: "v" });
  const optimizer = optim.radam({ lr: 1, betas: [0, beta2], eps: 0 });
  const updates = optimizer.minimize(w, [w]);
  const [step] = updates.flatMap(([variable, value]) => (variable === w ? [t.sub(w, value)] : []));
  const second = [...optimizer.state(new Map([["w", w]])).entries()].find(([name]) => name === "w.exp_avg_sq")![1];
  const program = await engine.compile({ outputs: { step: step! }, updates: [...updates, [v, v]] });
  const limit = 2 / (1 - beta2) - 1;
  for (const t of [1, 2, 3, 4, 5, 6, 7, 8, 10, 20, 100, 700, 1000, 1400, 10_000, 100_000]) {
    const filled = -Math.expm1(t * Math.log(beta2));
    engine.write(w, Float32Array.of(0));
    engine.write(optimizer.step!, Int32Array.of(t - 1));
    // The second moment after t − 1 gradients of 1.
    engine.write(second, Float32Array.of(-Math.expm1((t - 1) * Math.log(beta2))));
    await program.run();
    const rho = limit - (2 * t * beta2 ** t) / filled;
    const r = Math.sqrt(((rho - 4) * (rho - 2) * limit) / ((limit - 4) * (limit - 2) * rho));
    expect(firstMiss([await program.outputs.step.scalar()], [rho > 5 ? r : 1], 2e-5, 0), `step ${t}`).toBeUndefined();
  }
  program.destroy();
});

describe.each(["naive", "serial", "tree"])("squaredNorm, %s", (variant) => {
  test("of tensors anywhere, of any size", async () => {
    const forced = await Engine.create({ device: engine.device, variants: { squaredNorm: variant } });
    const inputs = [[1], [5, 3], [1024], [1025], [3, 2049]].map((shape, i) => input(`x${i}`, shape));
    const weights = [variable(noise(7, 1), [7], { name: "a" }), variable(noise(1030, 2), [1030], { name: "b" })];
    const tensors = [
      ...inputs.map((x) => t.exp(x)),
      inputs[4]!,
      t.transpose(inputs[1]!),
      t.slice(inputs[2]!, [[3, 1001]]),
      ...weights,
    ];
    const all = t.squaredNorm(tensors);
    const outputs = { all, one: t.squaredNorm([inputs[0]!]), gradient: grad(t.sqrt(all), [inputs[3]!])[0]! };
    const feeds = Object.fromEntries(
      inputs.map(({ shape }, i) => [
        `x${i}`,
        noise(
          shape.reduce((a, b) => a * b),
          i,
        ),
      ]),
    );
    const wanted = evaluate(outputs, { inputs: feeds });
    const program = await forced.compile({ outputs });
    await program.run(feeds);
    for (const name of Object.keys(outputs) as (keyof typeof outputs)[]) {
      expect(firstMiss(await program.outputs[name].data(), wanted[name].data, 1e-5, 1e-6), name).toBeUndefined();
    }
    const used = program.inspect().kernels.filter(({ family }) => family === "squaredNorm");
    expect(new Set(used.map(({ variant }) => variant))).toEqual(new Set([variant]));
    forced.destroy();
  });
});

test("accumulated gradients of small batches give the step of a large one", async () => {
  const weights = (): Variable[] => [
    variable(noise(12, 1), [3, 4], { name: "w" }),
    variable(noise(3, 2), [3], { name: "b" }),
  ];
  const lossOf = ([w, b]: readonly Variable[], rows: number) =>
    t.losses.mse(t.linear(input("x", [rows, 4]), w!, b!), input("y", [rows, 3]));
  const rows = (from: number, count: number) => ({
    x: noise(64, 5).slice(from * 4, (from + count) * 4),
    y: noise(64, 9).slice(from * 3, (from + count) * 3),
  });
  const [whole, parts] = [weights(), weights()];
  const loss = lossOf(whole, 8);
  const large = await engine.compile({ updates: optim.adam({ lr: 0.1 }).minimize(loss, whole) });
  const sums = optim.accumulator(parts);
  const collect = await engine.compile({ updates: sums.collect(lossOf(parts, 2)) });
  const step = await engine.compile({ updates: sums.step(optim.adam({ lr: 0.1 })) });
  for (const from of [0, 8]) {
    await large.run(rows(from, 8));
    for (const part of [0, 2, 4, 6]) await collect.run(rows(from + part, 2));
    await step.run();
  }
  for (const i of [0, 1]) {
    expect(firstMiss(await engine.read(parts[i]!), (await engine.read(whole[i]!)) as Float32Array, 1e-5, 1e-5)).toBe(
      undefined,
    );
    expect(await engine.read(sums.sums[i]!)).toEqual(new Float32Array(parts[i]!.size));
  }
});

test("a step is skipped where `when` is 0: parameters, moments and counts stay", async () => {
  const w = variable(noise(20, 1), [4, 5], { name: "w" });
  const when = input("when", []);
  const optimizer = optim.adam({ lr: 0.1 });
  const updates = optimizer.minimize(t.mean(t.mul(w, w)), { when });
  const step = await engine.compile({ outputs: { taken: updates.taken! }, updates });
  const values = () => Promise.all(updates.map(([variable]) => engine.read(variable)));
  await step.run({ when: Float32Array.of(1) });
  const before = await values();
  expect((await step.compute({ when: Float32Array.of(0) })).taken).toEqual(Float32Array.of(0));
  expect(await values()).toEqual(before);
  await step.run({ when: Float32Array.of(1) });
  const after = await values();
  for (const [i, value] of after.entries()) expect(value).not.toEqual(before[i]);
});
