import { halfWaveText } from "../../shaders/lib/math.wgsl.ts";
import { checkChoice, checkNumber, checkWhole, optionsOf } from "../errors.ts";
import type { Tensor } from "../graph/tensor.ts";
import { add, cast, div, ge, le, lt, maximum, minimum, mul, sub, where } from "../ops/pointwise/arithmetic.ts";
import { exp } from "../ops/pointwise/elementary.ts";
import { type Operand, unary, unaryWith } from "../ops/pointwise/pointwise.ts";
import { full } from "../ops/sources/constants.ts";
import { type Schedule, schedule } from "./schedule.ts";

/*
 * Learning rate schedules: formulas over the step t (0, 1, …) and the optimizer's lr, with the names and defaults of
 * torch.optim.lr_scheduler. Steps are counted in integers, since a quotient in f32 may fall just short of one.
 */

/** sin²(π v / 2) for v from 0 to 1, to f32 accuracy. WGSL's own cosine may be off by 2⁻¹¹. */
const halfWave = /* @__PURE__ */ unary("halfWave", {
  wgsl: (v) => `halfWave(${v})`,
  js: (v) => Math.sin((Math.PI / 2) * v) ** 2,
  lib: [halfWaveText],
  takes: ["f32"],
  flops: 14,
});

const f32 = (x: Tensor) => cast(x, "f32");

/** base^count, computed with eˣ: WGSL's `pow` loses digits with every factor. */
const power = (base: number, count: Tensor) => exp(mul(f32(count), Math.log(base)));

const whole = (name: string, option: string, value: number, least = 1): number =>
  checkWhole(`optim.${name}`, option, value, least);

const positive = (name: string, option: string, value: number): number =>
  checkNumber(`optim.${name}`, option, value, "a positive number", (n) => n > 0);

/** lr · factor for the first `totalIters` steps, then lr. Defaults: 1/3 for 5 steps. */
export function constantLR(options: { factor?: number; totalIters?: number } = {}): Schedule {
  const { factor, totalIters } = optionsOf("optim.constantLR", options, { factor: 1 / 3, totalIters: 5 });
  whole("constantLR", "totalIters", totalIters, 0);
  positive("constantLR", "factor", factor);
  return schedule((step, lr) => where(lt(step, totalIters), mul(lr, factor), lr));
}

/** lr · γ^⌊t / stepSize⌋. @param options γ: default 0.1. */
export function stepLR(options: { stepSize: number; gamma?: number }): Schedule {
  const { stepSize, gamma } = optionsOf("optim.stepLR", options, { stepSize: undefined, gamma: 0.1 });
  whole("stepLR", "stepSize", stepSize);
  positive("stepLR", "gamma", gamma);
  return schedule((step, lr) => mul(lr, power(gamma, div(step, stepSize))));
}

/** lr · γ^(number of milestones reached by t). @param options γ: default 0.1. */
export function multiStepLR(options: { milestones: readonly number[]; gamma?: number }): Schedule {
  const { milestones, gamma } = optionsOf("optim.multiStepLR", options, { milestones: [], gamma: 0.1 });
  for (const milestone of milestones) whole("multiStepLR", "a milestone", milestone, 0);
  positive("multiStepLR", "gamma", gamma);
  if (milestones.length === 0) return schedule((_, lr) => lr);
  return schedule((step, lr) =>
    mul(
      lr,
      power(
        gamma,
        milestones.map((milestone) => ge(step, milestone)).reduce((a, b) => add(a, b)),
      ),
    ),
  );
}

/** lr · γᵗ. */
export function exponentialLR(options: { gamma: number }): Schedule {
  const { gamma } = optionsOf("optim.exponentialLR", options, { gamma: undefined });
  positive("exponentialLR", "gamma", gamma);
  return schedule((step, lr) => mul(lr, power(gamma, step)));
}

/** Interpolates between two rates: `low` where the wave is 0, `high` where it is 1. */
const between = (low: Operand<"f32">, high: Operand<"f32">, wave: Tensor<"f32">) => add(low, mul(sub(high, low), wave));

/**
 * Half a cosine from lr down to etaMin over tMax steps, and up again over the next tMax (Loshchilov & Hutter, 2017).
 * @param options etaMin: default 0.
 */
export function cosineAnnealingLR(options: { tMax: number; etaMin?: number }): Schedule {
  const { tMax, etaMin } = optionsOf("optim.cosineAnnealingLR", options, { tMax: undefined, etaMin: 0 });
  whole("cosineAnnealingLR", "tMax", tMax);
  return schedule((step, lr) => {
    const turn = sub(step, mul(div(step, 2 * tMax), 2 * tMax));
    const rest = sub(tMax, minimum(turn, sub(2 * tMax, turn)));
    return between(etaMin, lr, halfWave(div(f32(rest), tMax)));
  });
}

const restText = `
fn restOfCycle(step: I, first: I, factor: I) -> F {
  var start = I(0);
  var length = first;
  for (var k = 0u; k < 31u; k++) {
    let over = step - start >= length;
    start = select(start, start + length, over);
    length = select(length, length * factor, over);
  }
  return F(length - (step - start)) / F(length);
}`;

/** The remaining part of the current cycle, 1 at its start. Each cycle is `factor` times as long as the one before. */
const restOfCycle = /* @__PURE__ */ unaryWith<{ first: number; factor: number }>(
  "restOfCycle",
  ({ first, factor }) => ({
    wgsl: (step) => `restOfCycle(${step}, I(${first}), I(${factor}))`,
    js(step) {
      let [start, length] = [0, first];
      for (; step - start >= length; length *= factor) start += length;
      return (length - (step - start)) / length;
    },
    takes: ["i32"],
    result: "f32",
  }),
  { lib: [restText], flops: 100 },
) as (step: Tensor<"i32">, attrs: { first: number; factor: number }) => Tensor<"f32">;

/**
 * Half a cosine from lr down to etaMin, repeated: first over t0 steps, then each time tMult times as long (SGDR,
 * Loshchilov & Hutter, 2017). @param options tMult: whole, default 1; etaMin: default 0.
 */
export function cosineWarmRestarts(options: { t0: number; tMult?: number; etaMin?: number }): Schedule {
  const { t0, tMult, etaMin } = optionsOf("optim.cosineWarmRestarts", options, { t0: undefined, tMult: 1, etaMin: 0 });
  whole("cosineWarmRestarts", "t0", t0);
  whole("cosineWarmRestarts", "tMult", tMult);
  return schedule((step, lr) => {
    const rest =
      tMult === 1
        ? div(f32(sub(t0, sub(step, mul(div(step, t0), t0)))), t0)
        : restOfCycle(step, { first: t0, factor: tMult });
    return between(etaMin, lr, halfWave(rest));
  });
}

/**
 * Warm-up: lr times a factor that grows linearly from startFactor to endFactor over totalIters steps. Defaults: 1/3, 1,
 * 5.
 */
export function linearLR(options: { startFactor?: number; endFactor?: number; totalIters?: number } = {}): Schedule {
  const { startFactor, endFactor, totalIters } = optionsOf("optim.linearLR", options, {
    startFactor: 1 / 3,
    endFactor: 1,
    totalIters: 5,
  });
  whole("linearLR", "totalIters", totalIters);
  return schedule((step, lr) =>
    mul(lr, between(startFactor, endFactor, div(f32(minimum(step, totalIters)), totalIters))),
  );
}

/** lr · (t + 1) / warmupSteps, then linearly from lr down to 0 at totalSteps: the usual schedule for transformers. */
export function linearWarmupLinearDecay(options: { warmupSteps: number; totalSteps: number }): Schedule {
  const { warmupSteps, totalSteps } = optionsOf("optim.linearWarmupLinearDecay", options, {
    warmupSteps: undefined,
    totalSteps: undefined,
  });
  whole("linearWarmupLinearDecay", "warmupSteps", warmupSteps, 0);
  whole("linearWarmupLinearDecay", "totalSteps", totalSteps, warmupSteps + 1);
  return schedule((step, lr) => {
    const down = div(f32(maximum(sub(totalSteps, step), 0)), totalSteps - warmupSteps);
    if (warmupSteps === 0) return mul(lr, down);
    return mul(lr, where(lt(step, warmupSteps), div(f32(add(step, 1)), warmupSteps), down));
  });
}

/** The course of a one-cycle schedule, with PyTorch's defaults. */
export interface OneCycleOptions {
  /** Steps of the whole course. */
  readonly totalSteps: number;
  /** The highest rate; default the optimizer's lr. */
  readonly maxLr?: number;
  /** Fraction of the steps in which the rate rises; default 0.3. */
  readonly pctStart?: number;
  /** Shape of both ramps; default "cos". */
  readonly annealStrategy?: "cos" | "linear";
  /** The first rate is the highest divided by this; default 25. */
  readonly divFactor?: number;
  /** The last rate is the first divided by this; default 1e4. */
  readonly finalDivFactor?: number;
}

/** One rise and one long fall (Smith & Topin, 2019); constant after totalSteps. Does not cycle the momentum. */
export function oneCycleLR(options: OneCycleOptions): Schedule {
  const { totalSteps, maxLr, pctStart, annealStrategy, divFactor, finalDivFactor } = optionsOf(
    "optim.oneCycleLR",
    options,
    {
      totalSteps: undefined,
      maxLr: undefined,
      pctStart: 0.3,
      annealStrategy: "cos",
      divFactor: 25,
      finalDivFactor: 1e4,
    },
  );
  whole("oneCycleLR", "totalSteps", totalSteps, 2);
  positive("oneCycleLR", "divFactor", divFactor);
  positive("oneCycleLR", "finalDivFactor", finalDivFactor);
  if (maxLr !== undefined) positive("oneCycleLR", "maxLr", maxLr);
  checkNumber("optim.oneCycleLR", "pctStart", pctStart, "a number from 0 to below 1", (n) => n >= 0 && n < 1);
  checkChoice("optim.oneCycleLR", "annealStrategy", annealStrategy, ["cos", "linear"]);
  const top = pctStart * totalSteps - 1;
  const last = totalSteps - 1;
  const shape = (part: Tensor<"f32">) => (annealStrategy === "cos" ? halfWave(part) : part);
  return schedule((step, lr) => {
    const t = f32(minimum(step, last));
    const high = maxLr === undefined ? lr : full([], maxLr);
    const first = div(high, divFactor);
    const down = between(div(first, finalDivFactor), high, shape(div(sub(last, t), last - top)));
    if (top <= 0) return down;
    const up = between(first, high, shape(div(minimum(t, top), top)));
    return where(le(t, top), up, down);
  });
}
