import { rewrite } from "../../src/graph/rewrite.ts";
import { apply, applyAll, type Tensor } from "../../src/graph/tensor.ts";
import { indexedOp } from "../../src/ops/pointwise/pointwise.ts";

/** A repeatable number within ±1 for each element of each node. */
const wobble = (seed: number, i: number): number => {
  const bits = Math.imul(Math.imul(seed + 1, 0x9e3779b1) ^ (i * 0x85ebca6b), 0xc2b2ae35);
  return ((bits ^ (bits >>> 15)) >>> 0) / 2 ** 31 - 1;
};

/** About 16 units in the last place, relative to 1 + |x|: WGSL's exp, log and tanh may be off by this much. */
const size = 2 ** -20;

const noise = indexedOp("noise", "f32", {
  wgsl: ([x]) => x!,
  // A square never becomes negative, and an exact 0 stays 0 in f32.
  js: ([x], { seed }, i) => Math.sign(x!) * Math.max(0, Math.abs(x!) + size * (1 + Math.abs(x!)) * wobble(seed, i)),
  flops: 0,
});

/** Ops whose results are elements of their input and are compared with them again. */
const chosen = ["max", "min"];

/**
 * The graph with noise of f32's rounding error on every result. The resulting change in the float64 twin shows how far
 * apart two correct f32 results may be.
 */
export function noisy(roots: readonly Tensor[], from: number): Tensor[] {
  let seed = from * 1000;
  const withNoise = (x: Tensor): Tensor => (x.dtype === "f32" ? apply(noise, [x], { seed: seed++ }) : x);
  return rewrite(roots, (node, inputs) =>
    node.op.source || node.op.view || chosen.includes(node.op.name)
      ? undefined
      : applyAll(node.op, inputs, node.attrs, node.effects).map(withNoise),
  );
}

export const furthest = (a: ArrayLike<number>, b: ArrayLike<number>): number =>
  Array.from(a).reduce((most, value, i) => Math.max(most, Math.abs(value - b[i]!)), 0);

export const largest = (values: ArrayLike<number>): number =>
  Array.from(values).reduce((most, value) => Math.max(most, Math.abs(value)), 0);

/** Allowed f32 error, from the exact values of a tensor and samples with noise. */
export const allowance = (exact: ArrayLike<number>, samples: readonly ArrayLike<number>[]): number =>
  16 * Math.max(...samples.map((sample) => furthest(sample, exact))) + 4e-6 * (1 + largest(exact));
