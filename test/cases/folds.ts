import type { Tensor } from "../../src/graph/tensor.ts";
import * as picks from "../../src/ops/lines/pick.ts";
import * as reductions from "../../src/ops/lines/reduce.ts";
import { sum } from "../../src/ops/lines/reduce.ts";
import { logSoftmax, softmax, softmaxCrossEntropy } from "../../src/ops/lines/softmax.ts";
import { flip, slice, transpose } from "../../src/ops/moves/views.ts";
import { linear, matmul } from "../../src/ops/network/matmul.ts";
import * as activations from "../../src/ops/pointwise/activations.ts";
import * as arithmetic from "../../src/ops/pointwise/arithmetic.ts";
import { type Draw, distinct, grid, reals, signed, whole } from "../draws.ts";
import type { CaseRow } from "./row.ts";

const reductionShapes: CaseRow["shapes"] = [[[5, 7]], [[1, 1]], [[3, 1025]], [[2, 67, 3]]];
const reduction = (
  name: string,
  op: (x: Tensor) => Tensor,
  draw: Draw = reals(-2, 2),
  more: Partial<CaseRow> = {},
): CaseRow => ({
  name,
  op,
  shapes: reductionShapes,
  draws: [draw],
  ...more,
});

/** The same number nearly everywhere. */
const mostly =
  (value: number): Draw =>
  (count, uniform) =>
    Float32Array.from({ length: count }, () => (uniform() < 0.05 ? 1 - value : value));

export const reductionRows: readonly CaseRow[] = [
  // Eighths add up without rounding, in any order.
  reduction("sum", (x) => sum(x), grid(0), { tolerance: [0, 0] }),
  // Each addition rounds by up to 2⁻²⁴ of the sum so far, so some 1,000 of them by about √1000 · 2⁻²⁴ of the sum. Three
  // times that.
  reduction("sum of positive numbers", (x) => sum(x), reals(0.5, 2), { tolerance: [6e-6, 0] }),
  reduction("sum of rows", (x) => sum(x, -1)),
  reduction("sum of columns", (x) => sum(x, 0, true)),
  reduction("sum of a transpose", (x) => sum(transpose(x), 0)),
  reduction("mean", (x) => reductions.mean(x)),
  reduction("mean of rows", (x) => reductions.mean(x, [1])),
  reduction("max", (x) => reductions.max(x, 1), distinct),
  reduction("max of all", (x) => reductions.max(x), distinct),
  reduction("min", (x) => reductions.min(x, 0), distinct),
  reduction("any of rows", (x) => reductions.any(x, 1), mostly(0)),
  reduction("any of all", (x) => reductions.any(x), mostly(0)),
  reduction("any of columns, kept", (x) => reductions.any(x, 0, true), whole(-1, 1)),
  reduction("all of rows", (x) => reductions.all(x, 1), mostly(1)),
  reduction("all of columns", (x) => reductions.all(x, 0), whole(-2, 2)),
  reduction("max with index", (x) => picks.maxWithIndex(x, 1).values, distinct),
  reduction("min with index", (x) => picks.minWithIndex(x, 0).values, distinct),
  reduction("argmax", (x) => picks.argmax(x, 1), distinct),
  reduction("argmax of all", (x) => picks.argmax(x), distinct),
  reduction("argmin", (x) => picks.argmin(x, 0), distinct),
  reduction("prod", (x) => reductions.prod(x, 1), signed(0.8, 1.2), { shapes: [[[5, 7]], [[1, 1]], [[2, 67, 3]]] }),
  reduction("prod with zeros", (x) => reductions.prod(x, 1), whole(-1, 1), {
    op: (x) => reductions.prod(arithmetic.cast(x, "f32"), 1),
    noGradient: true,
  }),
  reduction("variance", (x) => reductions.variance(x, 0), reals(-2, 2), {
    shapes: [[[5, 7]], [[67, 3]], [[2, 67, 3]]],
  }),
  reduction("variance of all", (x) => reductions.variance(x, undefined, { correction: 0 })),
  reduction("std", (x) => reductions.std(x, -1, { correction: 1 }), reals(-2, 2), { shapes: [[[5, 7]], [[3, 1025]]] }),
  reduction("norm 1", (x) => reductions.norm(x, -1, { p: 1 }), reals(-2, 2, 0)),
  reduction("norm 2", (x) => reductions.norm(x), reals(-2, 2, 0)),
  reduction("norm 3", (x) => reductions.norm(x, 0, { p: 3 }), reals(-2, 2, 0), { tolerance: [1e-4, 1e-4] }),
  reduction("norm ∞", (x) => reductions.norm(x, 0, { p: Number.POSITIVE_INFINITY }), distinct),
  reduction("logsumexp", (x) => reductions.logsumexp(x, 1)),
  reduction("maxout", (x) => activations.maxout(x, 3), distinct, { shapes: [[[2, 6]], [[1, 3]], [[3, 9, 2]]] }),
];

const softmaxShapes: CaseRow["shapes"] = [[[5, 7]], [[1, 1]], [[3, 1025]], [[2, 5, 3]]];
export const softmaxRows: readonly CaseRow[] = [
  { name: "softmax", op: (x) => softmax(x), shapes: [...softmaxShapes, [[]], [[7]]] },
  { name: "softmax of axis 0", op: (x) => softmax(x, 0), shapes: softmaxShapes },
  { name: "logSoftmax", op: (x) => logSoftmax(x), shapes: [...softmaxShapes, [[]], [[7]]] },
  { name: "logSoftmax of axis 1", op: (x) => logSoftmax(x, 1), shapes: softmaxShapes },
  {
    name: "softmaxCrossEntropy",
    op: (x, y) => softmaxCrossEntropy(x, y),
    shapes: [
      [[5, 7], [5]],
      [[1, 7], [1]],
      [[3, 1025], [3]],
      [
        [2, 7, 5, 3],
        [2, 5, 3],
      ],
    ],
    draws: [reals(-4, 4), whole(0, 6)],
  },
  {
    name: "softmaxCrossEntropy, ignoring",
    op: (x, y) => softmaxCrossEntropy(x, y, 2),
    shapes: [
      [[11, 7], [11]],
      [
        [2, 7, 5],
        [2, 5],
      ],
    ],
    draws: [reals(-4, 4), whole(0, 6)],
  },
];

export const matmulRows: readonly CaseRow[] = [
  {
    name: "matmul",
    op: matmul,
    shapes: [
      [
        [5, 7],
        [7, 3],
      ],
      [
        [17, 33],
        [33, 19],
      ],
      [
        [66, 1],
        [1, 9],
      ],
      [
        [64, 32],
        [32, 64],
      ],
      [
        [2, 1, 3, 4],
        [5, 4, 2],
      ],
      [
        [1, 1],
        [1, 1],
      ],
      [
        [1, 65],
        [65, 10],
      ],
      [
        [3, 4, 5],
        [3, 5, 2],
      ],
      [[7], [7]],
      [[7], [7, 3]],
      [[2, 3, 7], [7]],
    ],
  },
  {
    name: "matmul aᵀb",
    op: (a, b) => matmul(transpose(a), b),
    shapes: [
      [
        [7, 5],
        [7, 3],
      ],
      [
        [32, 64],
        [32, 68],
      ],
      [
        [2, 6, 3],
        [2, 6, 5],
      ],
    ],
  },
  {
    name: "matmul abᵀ",
    op: (a, b) => matmul(a, transpose(b)),
    shapes: [
      [
        [5, 7],
        [3, 7],
      ],
      [
        [64, 32],
        [68, 32],
      ],
      [
        [2, 3, 6],
        [2, 5, 6],
      ],
    ],
  },
  {
    name: "matmul aᵀbᵀ",
    op: (a, b) => matmul(transpose(a), transpose(b)),
    shapes: [
      [
        [7, 5],
        [3, 7],
      ],
      [
        [32, 64],
        [68, 32],
      ],
    ],
  },
  {
    name: "matmul of views",
    op: (a, b) => matmul(slice(a, [[1], [1]]), flip(b, 0)),
    shapes: [
      [
        [6, 8],
        [7, 3],
      ],
      [
        [9, 5],
        [4, 4],
      ],
    ],
  },
  {
    name: "linear",
    op: linear,
    shapes: [
      [[5, 7], [3, 7], [3]],
      [[2, 3, 8], [16, 8], [16]],
      [[7], [4, 7], [4]],
    ],
  },
  {
    name: "linear with relu and residual",
    op: (x, w, b, r) => arithmetic.add(activations.relu(linear(x, w, b)), r),
    shapes: [
      [[5, 7], [3, 7], [3], [5, 3]],
      [[64, 20], [32, 20], [32], [1, 32]],
    ],
    draws: [reals(0.1, 2)],
  },
];
