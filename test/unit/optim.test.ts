import { describe, expect, test } from "vitest";
import { compile } from "../../src/compile/compile.ts";
import { grad, input, linear, losses, nn, optim, type Tensor, tanh, type Variable, variable } from "../../src/index.ts";
import { ReferenceProgram } from "../../src/reference/index.ts";
import { gpu, software } from "../adapters.ts";

const rates = (schedule: optim.Schedule, steps: number, lr = 1): number[] =>
  Array.from({ length: steps }, (_, t) => schedule.at(t, lr));

/** Numbers to six decimal places. */
const near = (values: readonly number[]) => values.map((value) => expect.closeTo(value, 6));

describe("schedules", () => {
  test("steps, milestones and powers", () => {
    expect(rates(optim.stepLR({ stepSize: 2, gamma: 0.5 }), 6)).toEqual(near([1, 1, 0.5, 0.5, 0.25, 0.25]));
    expect(rates(optim.multiStepLR({ milestones: [1, 3] }), 5, 2)).toEqual(near([2, 0.2, 0.2, 0.02, 0.02]));
    expect(rates(optim.multiStepLR({ milestones: [] }), 2, 2)).toEqual([2, 2]);
    expect(rates(optim.exponentialLR({ gamma: 0.9 }), 3)).toEqual(near([1, 0.9, 0.81]));
    expect(rates(optim.constantLR({ factor: 0.5, totalIters: 2 }), 4)).toEqual([0.5, 0.5, 1, 1]);
  });

  test("a cosine that returns, and one that restarts", () => {
    const cosine = optim.cosineAnnealingLR({ tMax: 4, etaMin: 0.2 });
    const half = (t: number) => 0.2 + 0.4 * (1 + Math.cos((Math.PI * t) / 4));
    expect(rates(cosine, 17)).toEqual(near(Array.from({ length: 17 }, (_, t) => half(t))));
    const restart = optim.cosineWarmRestarts({ t0: 2 });
    expect(rates(restart, 6)).toEqual(near([1, 0.5, 1, 0.5, 1, 0.5]));
    const doubling = optim.cosineWarmRestarts({ t0: 1, tMult: 2, etaMin: 0.1 });
    const wave = (part: number) => 0.1 + 0.45 * (1 + Math.cos(Math.PI * part));
    const parts = [0, 0, 1 / 2, 0, 1 / 4, 2 / 4, 3 / 4, 0, 1 / 8];
    expect(rates(doubling, 9)).toEqual(near(parts.map(wave)));
  });

  test("straight lines", () => {
    const warmUp = optim.linearLR({ startFactor: 0.2, totalIters: 4 });
    expect(rates(warmUp, 6, 10)).toEqual(near([2, 4, 6, 8, 10, 10]));
    const transformer = optim.linearWarmupLinearDecay({ warmupSteps: 2, totalSteps: 6 });
    expect(rates(transformer, 8)).toEqual(near([0.5, 1, 1, 0.75, 0.5, 0.25, 0, 0]));
    expect(rates(optim.linearWarmupLinearDecay({ warmupSteps: 0, totalSteps: 2 }), 3)).toEqual([1, 0.5, 0]);
  });

  test("one cycle rises to the optimizer's rate, falls and stays", () => {
    const line = optim.oneCycleLR({
      totalSteps: 10,
      pctStart: 0.3,
      annealStrategy: "linear",
      divFactor: 4,
      finalDivFactor: 5,
    });
    const fall = (t: number) => 1 + (0.05 - 1) * ((t - 2) / 7);
    expect(rates(line, 12)).toEqual(near([0.25, 0.625, 1, ...[3, 4, 5, 6, 7, 8, 9, 9, 9].map(fall)]));
    const cycle = optim.oneCycleLR({ totalSteps: 10 });
    const round = rates(cycle, 11, 2);
    expect(round[0]).toBeCloseTo(2 / 25, 9);
    expect(round[2]).toBeCloseTo(2, 9);
    expect(round[9]).toBeCloseTo(2 / 25e4, 9);
    expect(round[10]).toBe(round[9]);
    expect(rates(optim.oneCycleLR({ totalSteps: 10, maxLr: 3 }), 3, 2)[2]).toBeCloseTo(3, 9);
    expect(rates(optim.oneCycleLR({ totalSteps: 4, pctStart: 0 }), 4).every((rate) => rate <= 1)).toBe(true);
  });

  test("can be written by users", () => {
    const own = optim.schedule((_, lr) => lr);
    expect(own.at(5, 0.5)).toBe(0.5);
  });

  test("refuse invalid options", () => {
    expect(() => optim.stepLR({ stepSize: 0 })).toThrow("optim.stepLR: stepSize is 0, expected a whole number from 1");
    expect(() => optim.exponentialLR({ gamma: 0 })).toThrow("gamma is 0, expected a positive number");
    expect(() => optim.cosineWarmRestarts({ t0: 2, tMult: 1.5 })).toThrow("tMult is 1.5");
    expect(() => optim.oneCycleLR({ totalSteps: 10, pctStart: 1 })).toThrow("pctStart is 1");
    expect(() => optim.linearWarmupLinearDecay({ warmupSteps: 5, totalSteps: 5 })).toThrow("totalSteps is 5");
  });
});

describe("reduceOnPlateau", () => {
  const follow = (metrics: readonly number[], options: optim.PlateauOptions, lr = 1) => {
    const plateau = optim.reduceOnPlateau(lr, options);
    return metrics.map((metric) => {
      plateau.report(metric);
      return plateau.lr;
    });
  };

  test("waits, reduces, cools down", () => {
    const metrics = [1, 0.9, 0.9, 0.9, 0.9, 0.9, 0.9, 0.9];
    expect(follow(metrics, { patience: 1, factor: 0.5 })).toEqual([1, 1, 1, 0.5, 0.5, 0.25, 0.25, 0.125]);
    expect(follow(metrics, { patience: 1, factor: 0.5, cooldown: 2 })).toEqual([1, 1, 1, 0.5, 0.5, 0.5, 0.5, 0.25]);
    expect(follow(metrics, { patience: 0, factor: 0.5, minLr: 0.3 })).toEqual([1, 1, 0.5, 0.3, 0.3, 0.3, 0.3, 0.3]);
  });

  test("measures progress relatively or absolutely, downwards or upwards", () => {
    expect(follow([1, 0.95, 0.85], { patience: 0, factor: 0.5, threshold: 0.1 })).toEqual([1, 0.5, 0.5]);
    const accuracy = { mode: "max", patience: 0, factor: 0.5, threshold: 0.1, thresholdMode: "abs" } as const;
    expect(follow([0.5, 0.7, 0.75], accuracy)).toEqual([1, 1, 0.5]);
    expect(follow([1, Number.NaN], { patience: 0, factor: 0.5 })).toEqual([1, 0.5]);
    expect(() => optim.reduceOnPlateau(1, { factor: 1 })).toThrow("factor is 1");
  });
});

const makers: Readonly<Record<string, (options: object) => optim.Optimizer>> = {
  sgd: (options) => optim.sgd({ lr: 0.1, momentum: 0.9, dampening: 0.5, ...options }),
  adam: (options) => optim.adam(options),
  amsgrad: (options) => optim.adam({ amsgrad: true, ...options }),
  adamW: (options) => optim.adamW({ amsgrad: true, ...options }),
  adamax: (options) => optim.adamax(options),
  nadam: (options) => optim.nadam(options),
  radam: (options) => optim.radam(options),
  rmsProp: (options) => optim.rmsProp({ centered: true, momentum: 0.9, ...options }),
  adagrad: (options) => optim.adagrad({ lrDecay: 0.1, initialAccumulatorValue: 0.5, ...options }),
  adadelta: (options) => optim.adadelta(options),
};

function network(seed = 1, batch = 8) {
  nn.seed(seed);
  const model = nn.sequential(nn.linear(6, 7), nn.tanh(), nn.linear(7, 3));
  const loss = losses.crossEntropy(model(input("x", [batch, 6])), input("y", [batch], "i32"));
  return { loss, parameters: [...nn.stateDict(model).values()] };
}

describe("optimizers", () => {
  const everything = { weightDecay: 0.01, schedule: optim.linearLR() };
  test.each(Object.entries(makers))("%s is one dispatch of at most eight buffers", (_, make) => {
    const { loss } = network();
    const optimizer = make(everything);
    const updates = optimizer.minimize(loss, { clip: [optim.clipGradNorm(1), optim.clipGradValue(0.5)] });
    const { norm, rate } = updates;
    for (const traits of [software, gpu]) {
      const { calls } = compile({ outputs: { loss, norm: norm!, rate }, updates }, traits);
      const writing = calls.filter(({ bindings }) =>
        bindings.some(({ buffer, access }) => buffer.role === "parameters" && access === "read_write"),
      );
      expect(writing).toHaveLength(1);
      expect(writing[0]!.bindings.length).toBeLessThanOrEqual(8);
      // All gradients lie side by side: one dispatch squares them.
      expect(calls.filter(({ family }) => family === "squaredNorm")).toHaveLength(1);
    }
  });

  test.each(Object.entries(makers))("%s lowers a loss", (_, make) => {
    const w = variable(Float32Array.of(2, -1, 0.5), [3], { name: "w" });
    const loss = losses.mse(w, input("target", [3]));
    const optimizer = make({ lr: 0.05 });
    const program = new ReferenceProgram({ outputs: { loss }, updates: optimizer.minimize(loss) });
    const feeds = { target: [1, 1, 1] };
    const first = program.run(feeds).loss!.data[0]!;
    for (let i = 0; i < 30; i++) program.run(feeds);
    expect(program.run(feeds).loss!.data[0]!).toBeLessThan(first);
    const state = optimizer.state(new Map([["w", w]]));
    for (const kept of state.values()) expect(program.read(kept).every(Number.isFinite)).toBe(true);
  });

  test("provide what a checkpoint needs, with PyTorch's names", () => {
    const { loss, parameters } = network();
    const names = (optimizer: optim.Optimizer) => {
      optimizer.minimize(loss);
      return [...optimizer.state(new Map([["w", parameters[0]!]])).keys()];
    };
    expect(names(optim.nadam())).toEqual(["lr", "step", "mu_product", "w.exp_avg", "w.exp_avg_sq"]);
    expect(names(optim.rmsProp({ centered: true, momentum: 0.5 }))).toEqual([
      "lr",
      "w.square_avg",
      "w.grad_avg",
      "w.momentum_buffer",
    ]);
    expect(names(optim.sgd({ lr: 1, schedule: optim.linearLR() }))).toEqual(["lr", "step"]);
  });

  test("scale the schedule by their learning rate", () => {
    const w = variable(Float32Array.of(0), [], { name: "w" });
    const optimizer = optim.sgd({ lr: 1, schedule: optim.exponentialLR({ gamma: 0.5 }) });
    const updates = optimizer.minimize(w, [w]);
    const program = new ReferenceProgram({ outputs: { rate: updates.rate }, updates });
    const used = [0, 1, 2].map((i) => {
      if (i === 2) program.write(optimizer.lr, [8]);
      return program.run().rate!.data[0]!;
    });
    expect(used).toEqual(near([1, 0.5, 2]));
    expect(program.read(w)[0]).toBeCloseTo(-3.5, 9);
  });

  test("refuse options out of range", () => {
    expect(() => optim.adam({ betas: [0.9, 1] })).toThrow(
      "optim.adam: beta2 is 1, expected a number from 0 to below 1",
    );
    expect(() => optim.rmsProp({ eps: -1 })).toThrow("optim.rmsProp: eps is -1");
    expect(() => optim.adadelta({ rho: 1 })).toThrow("rho is 1");
    expect(() => optim.clipGradNorm(0)).toThrow("optim.clipGradNorm: maxNorm is 0, expected a positive number");
    expect(() => optim.clipGradValue(Number.NaN)).toThrow("clipValue is NaN");
  });
});

describe("RAdam", () => {
  test("rectifies by its definition at any step and any β₂", () => {
    for (const beta2 of [0.5, 0.7, 0.9, 0.99, 0.999, 0.9999]) {
      const w = variable(Float32Array.of(0), [], { name: "w" });
      const optimizer = optim.radam({ lr: 1, betas: [0, beta2], eps: 0 });
      const program = new ReferenceProgram({ updates: optimizer.minimize(w, [w]) });
      const limit = 2 / (1 - beta2) - 1;
      for (let t = 1; t < 40; t++) {
        const before = program.read(w)[0]!;
        program.run();
        const power = beta2 ** t;
        const rho = limit - (2 * t * power) / (1 - power);
        const r = Math.sqrt(((rho - 4) * (rho - 2) * limit) / ((limit - 4) * (limit - 2) * rho));
        // Gradients are all 1, so √v = √(1 − β₂ᵗ).
        expect(before - program.read(w)[0]!).toBeCloseTo(rho > 5 ? r : 1, 6);
      }
    }
  });
});

describe("gradient accumulation", () => {
  const feedsOf = (from: number, rows: number) => ({
    x: Float32Array.from({ length: rows * 6 }, (_, i) => Math.sin(1.3 * (from * 6 + i))),
    y: Int32Array.from({ length: rows }, (_, i) => (from + i) % 3),
  });

  test.each([
    ["plain", {}],
    ["clipped", { clip: optim.clipGradNorm(0.05) }],
  ])("of four small batches equals one large one, %s", (_, options) => {
    const steps = (train: (optimizer: optim.Optimizer, run: Run) => void): Float64Array[] => {
      const { parameters } = network();
      const state = new Map<Variable, Float64Array>();
      const optimizer = optim.adam({ lr: 0.1 });
      train(optimizer, { parameters, program: (parts) => new ReferenceProgram(parts, state) });
      const last = new ReferenceProgram({}, state);
      return parameters.map((parameter) => last.read(parameter));
    };
    interface Run {
      parameters: readonly Variable[];
      program(parts: ConstructorParameters<typeof ReferenceProgram>[0]): ReferenceProgram;
    }
    const lossOver = (parameters: readonly Variable[], batch: number): Tensor => {
      const [w0, b0, w1, b1] = parameters as [Variable, Variable, Variable, Variable];
      const hidden = tanh(linear(input("x", [batch, 6]), w0, b0));
      return losses.crossEntropy(linear(hidden, w1, b1), input("y", [batch], "i32"));
    };
    const whole = steps((optimizer, { parameters, program }) => {
      const loss = lossOver(parameters, 8);
      const step = program({ updates: optimizer.apply(parameters, grad(loss, parameters), options) });
      for (const from of [0, 8, 16]) step.run(feedsOf(from, 8));
    });
    const parts = steps((optimizer, { parameters, program }) => {
      const sums = optim.accumulator(parameters);
      const collect = program({ updates: sums.collect(lossOver(parameters, 2)) });
      const step = program({ updates: sums.step(optimizer, options) });
      for (let from = 0; from < 24; from += 2) {
        collect.run(feedsOf(from, 2));
        if (from % 8 === 6) step.run();
      }
      expect(collect.read(sums.count)[0]).toBe(0);
    });
    parts.forEach((values, i) => {
      values.forEach((value, k) => {
        expect(value).toBeCloseTo(whole[i]![k]!, 9);
      });
    });
  });

  test("collects inside the gradient kernels, and steps in one dispatch for all parameters", () => {
    const { loss, parameters } = network();
    const sums = optim.accumulator(parameters);
    const collecting = compile({ outputs: { loss }, updates: sums.collect(loss) }, software).calls;
    expect(collecting.filter(({ label }) => /accumulate|copy/.test(label))).toEqual([]);
    const stepping = compile({ updates: sums.step(optim.adam()) }, software).calls;
    expect(stepping.filter(({ label }) => /^(adam|forget)/.test(label))).toHaveLength(2);
    expect(stepping.length).toBeLessThanOrEqual(5);
  });
});
