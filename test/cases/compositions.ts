import * as losses from "../../src/losses/index.ts";
import { attentionWeights, scaledDotProductAttention } from "../../src/ops/network/attention.ts";
import { embedding } from "../../src/ops/network/embedding.ts";
import { reals, signed, whole } from "../draws.ts";
import type { CaseRow } from "./row.ts";

/** An input and a target of the same shape. */
const pairs: CaseRow["shapes"] = [4, 37].map(
  (n) =>
    [
      [n, 5],
      [n, 5],
    ] as const,
);
const probabilities = reals(0.05, 0.95);
const labels: CaseRow["shapes"] = [
  [[6, 5], [6], [5]],
  [[2, 5, 3, 2], [2, 3, 2], [5]],
  [[5], [], [5]],
];
const labelDraws = [reals(-3, 3), whole(0, 4), reals(0.2, 2)];

export const lossRows: readonly CaseRow[] = [
  { name: "mse", op: (x, y) => losses.mse(x, y), shapes: pairs },
  {
    name: "l1",
    op: (x, y) => losses.l1(x, y, { reduction: "sum" }),
    shapes: pairs,
    draws: [reals(0, 2), reals(-2, -0.1)],
  },
  { name: "smoothL1", op: (x, y) => losses.smoothL1(x, y, { beta: 0.7 }), shapes: pairs },
  { name: "huber", op: (x, y) => losses.huber(x, y, { delta: 0.7 }), shapes: pairs },
  { name: "msle", op: (x, y) => losses.msle(x, y), shapes: pairs, draws: [reals(0, 4)] },
  {
    name: "bce",
    op: (x, y, w) => losses.bce(x, y, { weight: w! }),
    shapes: [[[4, 5], [4, 5], [5]]],
    draws: [probabilities],
  },
  {
    name: "bceWithLogits",
    op: (x, y) => losses.bceWithLogits(x, y),
    shapes: pairs,
    draws: [reals(-6, 6), probabilities],
  },
  {
    name: "bceWithLogits, weighted",
    op: (x, y, w, p) => losses.bceWithLogits(x, y, { weight: w!, posWeight: p! }),
    shapes: [[[4, 5], [4, 5], [4, 1], [5]]],
    draws: [reals(-6, 6), probabilities],
  },
  { name: "hinge", op: (x, y) => losses.hinge(x, y), shapes: pairs, draws: [reals(-0.9, 0.9), signed(1, 1)] },
  { name: "squaredHinge", op: (x, y) => losses.squaredHinge(x, y), shapes: pairs, draws: [reals(-2, 2), signed(1, 1)] },
  {
    name: "crossEntropy",
    op: (x, y) => losses.crossEntropy(x, y),
    shapes: labels.map((shapes) => shapes.slice(0, 2)),
    draws: labelDraws,
  },
  {
    name: "crossEntropy with everything",
    op: (x, y, w) => losses.crossEntropy(x, y, { weight: w!, ignoreIndex: 1, labelSmoothing: 0.2 }),
    shapes: labels.slice(0, 2),
    draws: labelDraws,
  },
  {
    name: "crossEntropy of probabilities",
    op: (x, t, w) => losses.crossEntropy(x, t, { weight: w!, labelSmoothing: 0.1 }),
    shapes: [
      [[6, 5], [6, 5], [5]],
      [[2, 5, 3], [2, 5, 3], [5]],
    ],
    draws: [reals(-3, 3), probabilities],
  },
  {
    name: "nll",
    op: (x, y, w) => losses.nll(x, y, { weight: w!, ignoreIndex: 1 }),
    shapes: labels.slice(0, 2),
    draws: labelDraws,
  },
  { name: "klDiv", op: (x, y) => losses.klDiv(x, y), shapes: pairs, draws: [reals(-3, 0), probabilities] },
  {
    name: "klDiv of logarithms",
    op: (x, y) => losses.klDiv(x, y, { logTarget: true, reduction: "batchmean" }),
    shapes: pairs,
    draws: [reals(-3, 0)],
  },
  {
    name: "cosineEmbedding",
    op: (a, b, y) => losses.cosineEmbedding(a, b, y, { margin: -0.9 }),
    shapes: [[[6, 5], [6, 5], [6]]],
    draws: [reals(-2, 2), reals(-2, 2), signed(1, 1)],
  },
];

export const attentionRows: readonly CaseRow[] = [
  {
    name: "attention",
    op: (q, k, v) => scaledDotProductAttention(q, k, v),
    shapes: [
      [
        [2, 3, 5, 4],
        [2, 3, 7, 4],
        [2, 3, 7, 2],
      ],
      [
        [5, 4],
        [5, 4],
        [5, 4],
      ],
    ],
  },
  {
    name: "attention weights, causal and masked",
    op: (q, k, mask) => attentionWeights(q, k, { mask, causal: true }),
    shapes: [
      [
        [2, 3, 5, 4],
        [2, 3, 5, 4],
        [5, 5],
      ],
    ],
  },
  {
    name: "attention, causal and masked",
    op: (q, k, v, mask) => scaledDotProductAttention(q, k, v, { mask, causal: true, scale: 0.3 }),
    shapes: [
      [
        [2, 5, 4],
        [2, 5, 4],
        [2, 5, 3],
        [5, 5],
      ],
    ],
  },
  {
    name: "embedding",
    op: (i, w) => embedding(i, w),
    shapes: [
      [
        [3, 2],
        [5, 4],
      ],
      [[33], [5, 1]],
      [
        [2, 3],
        [40, 8],
      ],
      [[5], [40, 3]],
    ],
    draws: [whole(0, 4), reals(-2, 2)],
  },
  {
    name: "embedding with padding",
    op: (i, w) => embedding(i, w, { paddingIdx: 0 }),
    shapes: [
      [[9], [5, 4]],
      [[7], [40, 3]],
    ],
    draws: [whole(0, 4), reals(-2, 2)],
    noGradient: true,
  },
];
