import { afterAll, beforeAll, describe, expect, test } from "vitest";
import * as t from "../../src/index.ts";
import { Engine, grad, input, type RecurrentWeights, type Tensor } from "../../src/index.ts";
import { evaluate } from "../../src/reference/index.ts";
import { some } from "../place.ts";

/*
 * Every variant of the recurrent kernels, forced in turn, against the float64 twin: forward and all gradients.
 */

const adapter = (await navigator.gpu.requestAdapter())!;
const subgroups = adapter.features.has("subgroups");
let device: GPUDevice;
beforeAll(async () => {
  device = await adapter.requestDevice({ requiredFeatures: subgroups ? ["subgroups"] : [] });
});
afterAll(() => device.destroy());

interface Sizes {
  readonly steps: number;
  readonly rows: number;
  readonly inputs: number;
  readonly hidden: number;
  readonly layers?: number;
  readonly bidirectional?: boolean;
  readonly batchFirst?: boolean;
  readonly states?: boolean;
  readonly bias?: boolean;
}

const cells = { lstm: { op: t.lstm, gates: 4 }, gru: { op: t.gru, gates: 3 }, rnn: { op: t.rnn, gates: 1 } } as const;
type Kind = keyof typeof cells;

/** Results and gradients of a recurrence of given sizes, and its feeds. */
function build(kind: Kind, { steps, rows, inputs, hidden, layers = 1, bidirectional = false, ...more }: Sizes) {
  const { batchFirst = false, states = true, bias = true } = more;
  const { gates } = cells[kind];
  const directions = bidirectional ? 2 : 1;
  const wrt: Record<string, Tensor> = {};
  const feeds: Record<string, Float32Array> = {};
  const made = (name: string, shape: number[], scale: number): Tensor => {
    const seed = Object.keys(wrt).length + 1;
    const count = shape.reduce((a, b) => a * b, 1);
    feeds[name] = Float32Array.from({ length: count }, (_, i) => Math.fround(Math.sin(i * 1.7 + seed) * scale));
    wrt[name] = input(name, shape);
    return wrt[name];
  };
  const x = made("x", batchFirst ? [rows, steps, inputs] : [steps, rows, inputs], 1.5);
  const weights = Array.from({ length: layers * directions }, (_, i): RecurrentWeights => {
    const wide = i < directions ? inputs : directions * hidden;
    const weight = {
      weightIh: made(`ih${i}`, [gates * hidden, wide], 1 / Math.sqrt(wide)),
      weightHh: made(`hh${i}`, [gates * hidden, hidden], 1.5 / Math.sqrt(hidden)),
    };
    return bias
      ? { ...weight, biasIh: made(`bih${i}`, [gates * hidden], 0.5), biasHh: made(`bhh${i}`, [gates * hidden], 0.5) }
      : weight;
  });
  const start = [layers * directions, rows, hidden];
  const result = cells[kind].op(x, weights, {
    bidirectional,
    batchFirst,
    ...(states && { h0: made("h0", start, 0.8) }),
    ...(states && kind === "lstm" && { c0: made("c0", start, 0.8) }),
  });
  const outputs: Record<string, Tensor> = { ...result };
  let loss: Tensor = t.full([], 0);
  for (const [name, y] of Object.entries(outputs)) {
    const u = input(`d ${name}`, y.shape);
    const count = y.shape.reduce((a, b) => a * b, 1);
    feeds[`d ${name}`] = Float32Array.from({ length: count }, (_, i) => Math.fround(Math.cos(i * 0.9 + 1)));
    loss = t.add(loss, t.sum(t.mul(y, u)));
  }
  const names = Object.keys(wrt);
  const gradients = grad(loss, Object.values(wrt));
  gradients.forEach((gradient, i) => {
    outputs[`gradient of ${names[i]}`] = gradient;
  });
  return { outputs, feeds, wrt, gradients };
}

/** The gradient of Σ |gradient|², as in a gradient penalty. */
function penalized({ feeds, wrt, gradients }: ReturnType<typeof build>) {
  const loss = gradients.map((gradient) => t.mean(t.mul(gradient, gradient))).reduce((a, b) => t.add(a, b));
  const names = Object.keys(wrt);
  const outputs: Record<string, Tensor> = { loss };
  grad(loss, Object.values(wrt)).forEach((gradient, i) => {
    outputs[`gradient of ${names[i]}`] = gradient;
  });
  return { outputs, feeds };
}

interface Work {
  readonly outputs: Record<string, Tensor>;
  readonly feeds: Record<string, Float32Array>;
}

async function agrees(variant: string, kind: Kind, { outputs, feeds }: Work, checkFinite = false): Promise<void> {
  const engine = await Engine.create({ device, variants: { [kind]: variant }, checkFinite });
  const program = await engine.compile({ outputs });
  await program.run(feeds);
  const wanted = evaluate(outputs, { inputs: feeds });
  for (const [name, { data }] of Object.entries(wanted)) {
    const got = await program.outputs[name]!.data();
    const scale = data.reduce((top, value) => Math.max(top, Math.abs(value)), 1);
    data.forEach((value, i) => {
      if (!(Math.abs(got[i]! - value) <= 5e-5 * scale)) expect.fail(`${name}[${i}] is ${got[i]}, expected ${value}`);
    });
  }
  const used = program.inspect().kernels.flatMap(({ family, variant }) => (family === kind ? variant : []));
  expect(new Set(used)).toEqual(new Set([variant]));
  engine.destroy();
}

const sizes: Record<string, Sizes> = {
  "all ones": { steps: 1, rows: 1, inputs: 1, hidden: 1 },
  "one step": { steps: 1, rows: 5, inputs: 3, hidden: 8, states: false },
  "one row": { steps: 7, rows: 1, inputs: 3, hidden: 12 },
  "one unit": { steps: 3, rows: 11, inputs: 2, hidden: 1, states: false },
  "two steps": { steps: 2, rows: 9, inputs: 3, hidden: 4, batchFirst: true },
  primes: { steps: 5, rows: 13, inputs: 3, hidden: 7 },
  "whole vectors": { steps: 4, rows: 17, inputs: 5, hidden: 20, bias: false },
  wide: { steps: 3, rows: 3, inputs: 2, hidden: 68, states: false, batchFirst: true },
  "both directions": { steps: 5, rows: 3, inputs: 4, hidden: 8, bidirectional: true },
  "both directions, batch first, from nothing": {
    steps: 4,
    rows: 3,
    inputs: 2,
    hidden: 5,
    bidirectional: true,
    batchFirst: true,
    states: false,
  },
  "two layers of both directions": { steps: 3, rows: 2, inputs: 3, hidden: 4, layers: 2, bidirectional: true },
  "three layers": { steps: 3, rows: 5, inputs: 3, hidden: 3, layers: 3, batchFirst: true },
};

/** Hidden sizes divisible by 16, with few, some and many rows. */
const even: Record<string, Sizes> = {
  "few rows": { steps: 3, rows: 5, inputs: 3, hidden: 16 },
  "some rows": { steps: 2, rows: 13, inputs: 2, hidden: 48, batchFirst: true },
  "many rows": { steps: 4, rows: 37, inputs: 3, hidden: 32, states: false, bias: false },
};

/** Two units per invocation; backward, the gradients of one gate at a time in workgroup memory. */
const large: Sizes = { steps: 2, rows: 5, inputs: 1, hidden: 500, states: false };

const pick = (...names: string[]) => Object.fromEntries(names.map((name) => [name, sizes[name]!]));
const variants: Record<string, Record<string, Sizes>> = {
  naive: sizes,
  steps1: sizes,
  steps4: pick("one step", "primes", "whole vectors"),
  steps8: { ...pick("primes"), "many rows": even["many rows"]! },
  quads: even,
  walk: { ...sizes, large },
  // A CPU compiler needs seconds for several rows.
  walk4: { ...pick("all ones", "primes", "wide", "both directions, batch first, from nothing"), large },
  walk8: pick("one step", "whole vectors"),
};

for (const [variant, tried] of Object.entries(variants)) {
  describe.skipIf(variant === "quads" && !subgroups)(variant, () => {
    describe.each(["lstm", "gru", "rnn"] as const)("%s", (kind) => {
      test.each(some(Object.entries(tried), 6))("%s", (_, of) => agrees(variant, kind, build(kind, of)));
    });
  });
}

/** Its gradient has eight buffers, as many as the device binds: what watches for NaN is the ninth. */
describe.each(["naive", "steps1", "walk"])("a GRU watched for NaN, %s", (variant) => {
  test.each(Object.entries(pick("primes", "one row")))("%s", async (_, of) => {
    expect(device.limits.maxStorageBuffersPerShaderStage).toBe(8);
    await agrees(variant, "gru", build("gru", of), true);
  });
});

describe.each(["lstm", "gru", "rnn"] as const)("a gradient penalty of %s", (kind) => {
  test.each(
    some(
      Object.entries<[string, Sizes]>({
        "one step": ["steps1", { steps: 1, rows: 2, inputs: 3, hidden: 4 }],
        "two steps": ["naive", { steps: 2, rows: 3, inputs: 2, hidden: 5, states: false }],
        "seven steps": ["walk", { steps: 7, rows: 2, inputs: 3, hidden: 4 }],
        "both directions, batch first": [
          "walk",
          { steps: 3, rows: 2, inputs: 2, hidden: 4, layers: 2, bidirectional: true, batchFirst: true },
        ],
      }),
    ),
  )("%s", (_, [variant, of]) => agrees(variant, kind, penalized(build(kind, of))));
});
