import { result } from "./lib/array.ts";
import { kernel } from "./lib/compose.ts";
import { workgroupSize } from "./lib/grid.wgsl.ts";
import type { Kernel, Part, View } from "./lib/kernel.ts";
import { elements, type Stack } from "./lib/stack.ts";
import type { Scalar } from "./lib/view.wgsl.ts";
import { wgsl } from "./wgsl.ts";

/** Queries that look at keys, to take of their values: y = softmax(q · kᵀ · scale + mask) · v, in each matrix of a stack. */
export interface Attention {
  readonly batches: number;
  readonly queries: number;
  readonly keys: number;
  /** Columns of queries and keys, and of values. */
  readonly size: number;
  readonly width: number;
  readonly scale: number;
  /** Whether a query looks only at keys up to its own position. */
  readonly causal: boolean;
  readonly q: Stack;
  readonly k: Stack;
  readonly v: Stack;
  /** i32: 0 hides a key. Float: added to the scores; −1e30 or less hides a key. */
  readonly mask: Stack | undefined;
}

/** Where the results go: y, and for each query log Σ e^score over its keys, 0 if it has none. */
export interface Attended extends Attention {
  readonly y: View;
  readonly lse: View | undefined;
}

/** Sizes, as constants. */
export const sizes = ({ queries, keys, size, width, scale }: Attention): Part["constants"] => ({
  QUERIES: [queries, "rows of q and y"],
  KEYS: [keys, "rows of k and v"],
  SIZE: [size, "columns of q and k"],
  WIDTH: [width, "columns of v and y"],
  SCALE: [number(scale), "factor of the scores"],
  HIDDEN: ["-3e38", "score of a hidden key"],
});

const number = (value: number): string => {
  const text = String(value);
  return /[.e]/.test(text) ? text : `${text}.0`;
};

/**
 * `fn scored(batch, row, key, product) -> f32`: the score of a key whose product with a query is known; HIDDEN if the
 * query does not look at it, whatever the product.
 */
export function scoring({ mask, causal }: Attention): Part {
  const part = mask && elements("mask", mask);
  const isAdded = mask !== undefined && kinds[mask.view.dtype] === "added";
  return {
    ...part,
    functions: [
      wgsl`
fn scored(batch: u32, row: u32, key: u32, product: f32) -> f32 {
  if (row >= QUERIES || key >= KEYS) { return HIDDEN; }
  #if ${causal}
  if (key > row) { return HIDDEN; }
  #endif
  #if ${mask === undefined}
  return product * SCALE;
  #elif ${isAdded}
  let added = mask(batch, row, key);
  return select(HIDDEN, product * SCALE + added, added > -1e30);
  #else
  return select(HIDDEN, product * SCALE, mask(batch, row, key) != 0);
  #endif
}`,
    ],
  };
}

const kinds: Readonly<Record<Scalar, "added" | "chosen">> = {
  f32: "added",
  f16: "added",
  i32: "chosen",
  u32: "chosen",
};

/** The score of a key, from its definition. */
const scoreOf = wgsl`
fn score(batch: u32, row: u32, key: u32) -> f32 {
  var product = 0.0;
  for (var e = 0u; e < SIZE; e++) { product += q(batch, row, e) * k(batch, key, e); }
  return scored(batch, row, key, product);
}`;

/** The definition: one invocation per element of the result. Hidden keys and their values may hold anything. */
export const attentionNaive = (p: Attended): Kernel =>
  kernel({
    workgroup: workgroupSize,
    parts: [
      elements("q", p.q),
      elements("k", p.k),
      elements("v", p.v),
      scoring(p),
      result("y", p.y),
      p.lse && result("lse", p.lse),
    ],
    constants: { ...sizes(p), COUNT: [p.batches * p.queries * p.width, "elements of the result"] },
    functions: [scoreOf],
    body: wgsl`
      let i = id.x;
      if (i >= COUNT) { return; }
      let line = i / WIDTH;
      let batch = line / QUERIES;
      let row = line % QUERIES;
      var top = HIDDEN;
      for (var j = 0u; j < KEYS; j++) { top = max(top, score(batch, row, j)); }
      var total = 0.0;
      var sum = 0.0;
      for (var j = 0u; j < KEYS; j++) {
        let s = score(batch, row, j);
        let weight = exp(s - top);
        let part = weight * v(batch, j, i % WIDTH);
        total += select(weight, 0.0, s == HIDDEN);
        sum += select(part, 0.0, s == HIDDEN);
      }
      y_put(i, select(sum / total, 0.0, total == 0.0));
      #if ${p.lse !== undefined}
      if (i % WIDTH == 0u) { lse_put(line, select(top + log(total), 0.0, total == 0.0)); }
      #endif`,
  });

/** What gradients are computed from: the results, and the gradient of y. */
export interface AttentionGrad extends Attention {
  readonly y: Stack;
  readonly lse: Stack;
  readonly dy: Stack;
}

/** The weight of a value, and what the loss changes by with its score, but for that weight: dy · (v − y). */
const weightAndSlope = [
  scoreOf,
  wgsl`
fn weight_of(batch: u32, row: u32, key: u32) -> f32 {
  let s = score(batch, row, key);
  return select(exp(s - lse(batch, row, 0u)), 0.0, s == HIDDEN);
}`,
  wgsl`
fn slope(batch: u32, row: u32, key: u32) -> f32 {
  var slope = 0.0;
  for (var c = 0u; c < WIDTH; c++) { slope += dy(batch, row, c) * (v(batch, key, c) - y(batch, row, c)); }
  return slope;
}`,
];

const gradOperands = (p: AttentionGrad): Part[] => [
  elements("q", p.q),
  elements("k", p.k),
  elements("v", p.v),
  scoring(p),
  elements("y", p.y),
  elements("lse", p.lse),
  elements("dy", p.dy),
];

/** The definition: one invocation per element of the gradient of q. */
export const attentionGradNaive = (p: AttentionGrad, dq: View): Kernel =>
  kernel({
    workgroup: workgroupSize,
    parts: [...gradOperands(p), result("dq", dq)],
    constants: { ...sizes(p), COUNT: [p.batches * p.queries * p.size, "elements of the gradient"] },
    functions: weightAndSlope,
    body: wgsl`
      let i = id.x;
      if (i >= COUNT) { return; }
      let batch = i / SIZE / QUERIES;
      let row = i / SIZE % QUERIES;
      var sum = 0.0;
      for (var j = 0u; j < KEYS; j++) {
        let weight = weight_of(batch, row, j);
        let part = weight * slope(batch, row, j) * k(batch, j, i % SIZE);
        sum += select(part, 0.0, weight == 0.0);
      }
      dq_put(i, sum * SCALE);`,
  });

/** The definition: one invocation per element of the gradient of k. */
export const attentionKeyGradNaive = (p: AttentionGrad, dk: View): Kernel =>
  kernel({
    workgroup: workgroupSize,
    parts: [...gradOperands(p), result("dk", dk)],
    constants: { ...sizes(p), COUNT: [p.batches * p.keys * p.size, "elements of the gradient"] },
    functions: weightAndSlope,
    body: wgsl`
      let i = id.x;
      if (i >= COUNT) { return; }
      let batch = i / SIZE / KEYS;
      let key = i / SIZE % KEYS;
      var sum = 0.0;
      for (var row = 0u; row < QUERIES; row++) {
        let weight = weight_of(batch, row, key);
        let part = weight * slope(batch, row, key) * q(batch, row, i % SIZE);
        sum += select(part, 0.0, weight == 0.0);
      }
      dk_put(i, sum * SCALE);`,
  });

/** The definition: one invocation per element of the gradient of v. */
export const attentionValueGradNaive = (p: AttentionGrad, dv: View): Kernel =>
  kernel({
    workgroup: workgroupSize,
    parts: [
      elements("q", p.q),
      elements("k", p.k),
      scoring(p),
      elements("lse", p.lse),
      elements("dy", p.dy),
      result("dv", dv),
    ],
    constants: { ...sizes(p), COUNT: [p.batches * p.keys * p.width, "elements of the gradient"] },
    functions: weightAndSlope.slice(0, 2),
    body: wgsl`
      let i = id.x;
      if (i >= COUNT) { return; }
      let batch = i / WIDTH / KEYS;
      let key = i / WIDTH % KEYS;
      var sum = 0.0;
      for (var row = 0u; row < QUERIES; row++) {
        let weight = weight_of(batch, row, key);
        sum += select(weight * dy(batch, row, i % WIDTH), 0.0, weight == 0.0);
      }
      dv_put(i, sum);`,
  });
