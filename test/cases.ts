import type { Shape } from "../src/graph/shape.ts";
import type { Tensor } from "../src/graph/tensor.ts";
import * as activations from "../src/ops/activations.ts";
import * as arithmetic from "../src/ops/arithmetic.ts";
import { foreach } from "../src/ops/foreach.ts";
import { gather, indexSelect, oneHot, padWith, scatterAdd } from "../src/ops/gather.ts";
import { concat, cumsum, roll, split, stack, tril, triu } from "../src/ops/join.ts";
import { linear, matmul } from "../src/ops/matmul.ts";
import { pad } from "../src/ops/pad.ts";
import * as reductions from "../src/ops/reduce.ts";
import { logSoftmax, softmax, softmaxCrossEntropy } from "../src/ops/softmax.ts";
import { sum } from "../src/ops/sum.ts";
import { expand, flatten, flip, permute, reshape, slice, squeeze, transpose, unsqueeze } from "../src/ops/views.ts";
import { type Draw, distinct, grid, reals, signed, whole } from "./draws.ts";

/**
 * What each op is tried on. A row serves the gradient check (against differences of the float64 twin), the device tests
 * (kernels against the twin) and the benchmarks. Shapes hold primes, ones and awkward tails on purpose.
 */
export interface CaseRow {
  readonly name: string;
  op(...inputs: Tensor[]): Tensor;
  /** One entry a case: the shapes of all inputs. */
  readonly shapes: readonly (readonly Shape[])[];
  /** How each input is filled, the last for all that follow; default: reals within ±2. */
  readonly draws?: readonly Draw[];
  /** Set for pointwise ops: they take any shapes that broadcast. */
  readonly pointwise?: boolean;
  /** Set where the derivative is not that of the value: `detach`, or ties. */
  readonly noGradient?: boolean;
  /** What f32 may lose against the float64 twin, relative and absolute; default 1e-5 and 1e-5. */
  readonly tolerance?: readonly [rtol: number, atol: number];
}

const one: CaseRow["shapes"] = [[[]], [[1]], [[7]], [[3, 5]], [[2, 3, 131]]];
const two: CaseRow["shapes"] = [
  [[], []],
  [[13], [13]],
  [
    [4, 8],
    [4, 8],
  ],
  [
    [3, 1],
    [1, 5],
  ],
  [
    [2, 3, 7],
    [3, 1],
  ],
  [[], [3, 4]],
  [
    [1, 67],
    [3, 1],
  ],
];

const unary = (
  name: string,
  op: (x: Tensor) => Tensor,
  draw: Draw = reals(-2, 2),
  more: Partial<CaseRow> = {},
): CaseRow => ({
  name,
  op,
  shapes: one,
  draws: [draw],
  pointwise: true,
  ...more,
});

const binary = (
  name: string,
  op: (a: Tensor, b: Tensor) => Tensor,
  draws: readonly Draw[] = [reals(-2, 2)],
  more: Partial<CaseRow> = {},
): CaseRow => ({ name, op, shapes: two, draws, pointwise: true, ...more });

const unaryRows: readonly CaseRow[] = [
  unary("neg", arithmetic.neg),
  unary("abs", arithmetic.abs, reals(-2, 2, 0)),
  unary("sign", arithmetic.sign, reals(-2, 2, 0)),
  unary("exp", arithmetic.exp),
  unary("log", arithmetic.log, reals(0.1, 4)),
  unary("sqrt", arithmetic.sqrt, reals(0.1, 4)),
  unary("rsqrt", arithmetic.rsqrt, reals(0.1, 4)),
  unary("reciprocal", arithmetic.reciprocal, signed(0.3, 3)),
  unary("sin", arithmetic.sin, reals(-3, 3), { tolerance: [1e-5, 1e-3] }),
  unary("cos", arithmetic.cos, reals(-3, 3), { tolerance: [1e-5, 1e-3] }),
  unary("erf", arithmetic.erf, reals(-3, 3)),
  unary("floor", arithmetic.floor, reals(-2.5, 2.5, -2, -1, 0, 1, 2)),
  unary("round", arithmetic.round, reals(-2.4, 2.4, -1.5, -0.5, 0.5, 1.5)),
  unary("clamp", (x) => arithmetic.clamp(x, { min: -0.5, max: 1 }), reals(-2, 2, -0.5, 1)),
  unary("clamp from below", (x) => arithmetic.clamp(x, { min: 0.25 }), reals(-2, 2, 0.25)),
  unary("clamp from above", (x) => arithmetic.clamp(x, { max: 0.25 }), reals(-2, 2, 0.25)),
  unary("cast there and back", (x) => arithmetic.cast(arithmetic.cast(x, "i32"), "f32"), reals(-9, 9)),
  ...[-1, 0.5, 1, 2, 3, 2.5].map((p) => unary(`pow ${p}`, (x) => arithmetic.pow(x, p), reals(0.2, 3))),
  unary("pow with a number below", (x) => arithmetic.pow(1.7, x)),
  unary("relu", activations.relu, reals(-2, 2, 0)),
  unary("sigmoid", activations.sigmoid, reals(-8, 8)),
  unary("tanh", activations.tanh, reals(-4, 4), { tolerance: [1e-5, 3e-5] }),
  unary("silu", activations.silu, reals(-8, 8)),
  unary("leakyRelu", (x) => activations.leakyRelu(x, 0.2), reals(-2, 2, 0)),
  unary("elu", (x) => activations.elu(x, 0.7), reals(-3, 2, 0)),
  unary("selu", activations.selu, reals(-3, 2, 0)),
  unary("gelu", activations.gelu, reals(-4, 4)),
  unary("gelu by tanh", (x) => activations.gelu(x, "tanh"), reals(-4, 4), { tolerance: [1e-5, 5e-5] }),
  unary("softplus", activations.softplus, reals(-8, 8)),
  unary("softplus, steep", (x) => activations.softplus(x, { beta: 3, threshold: 6 }), reals(-4, 4, 2), {
    tolerance: [1e-5, 2e-5],
  }),
  unary("hardswish", activations.hardswish, reals(-5, 5, -3, 3)),
  unary("mish", activations.mish, reals(-8, 8)),
];

const binaryRows: readonly CaseRow[] = [
  binary("add", arithmetic.add),
  binary("sub", arithmetic.sub),
  binary("mul", arithmetic.mul),
  binary("div", arithmetic.div, [reals(-2, 2), signed(0.3, 3)]),
  binary("maximum", arithmetic.maximum, [grid(0), grid(1 / 16)]),
  binary("minimum", arithmetic.minimum, [grid(0), grid(1 / 16)]),
  binary("pow", arithmetic.pow, [reals(0.2, 3), reals(-2, 2)]),
  binary("eq", arithmetic.eq, [grid(0)]),
  binary("ne", arithmetic.ne, [grid(0)]),
  binary("lt", arithmetic.lt, [grid(0)]),
  binary("le", arithmetic.le, [grid(0)]),
  binary("gt", arithmetic.gt, [grid(0)]),
  binary("ge", arithmetic.ge, [grid(0)]),
  binary("div of integers", arithmetic.div, [whole(-20, 20), whole(1, 5)]),
  binary("mul of integers", arithmetic.mul, [whole(-20, 20)]),
  {
    name: "where",
    op: arithmetic.where,
    shapes: [
      [[7], [7], [7]],
      [
        [3, 1],
        [1, 5],
        [3, 5],
      ],
      [[], [4], []],
    ],
    draws: [whole(0, 1), reals(-2, 2)],
    pointwise: true,
  },
  {
    name: "fma of views",
    op: (a, b, c) => arithmetic.add(arithmetic.mul(transpose(a), flip(b, 0)), slice(c, [[undefined, undefined, 2]])),
    shapes: [
      [
        [5, 3],
        [3, 5],
        [6, 5],
      ],
      [
        [8, 4],
        [4, 8],
        [7, 8],
      ],
    ],
  },
];

const viewRows: readonly CaseRow[] = [
  { name: "reshape", op: (x) => reshape(x, [-1, 6]), shapes: [[[3, 4]], [[2, 3, 5]], [[6]]] },
  { name: "reshape of a transpose", op: (x) => reshape(transpose(x), [-1]), shapes: [[[3, 4]], [[1, 7]], [[2, 5, 3]]] },
  { name: "flatten", op: (x) => flatten(x), shapes: [[[3, 4, 5]], [[7]]] },
  { name: "squeeze", op: (x) => squeeze(x), shapes: [[[1, 5, 1]], [[1]]] },
  { name: "unsqueeze", op: (x) => unsqueeze(x, -1), shapes: [[[5]], [[]]] },
  { name: "expand", op: (x) => expand(x, [2, 3, 5]), shapes: [[[3, 1]], [[1, 5]], [[]], [[2, 1, 5]]] },
  { name: "permute", op: (x) => permute(x, [2, 0, 1]), shapes: [[[2, 3, 5]], [[1, 7, 4]]] },
  {
    name: "slice",
    op: (x) =>
      slice(x, [
        [1, -1],
        [undefined, undefined, 3],
      ]),
    shapes: [[[5, 7]], [[3, 1]]],
  },
  {
    name: "slice backwards",
    op: (x) =>
      slice(x, [
        [-1, 0, -2],
        [4, undefined, -1],
      ]),
    shapes: [[[5, 7]], [[2, 9]]],
  },
  { name: "flip", op: (x) => flip(x, [0, -1]), shapes: [[[3, 4, 5]], [[1, 2]]] },
  { name: "pad", op: (x) => pad(x, { low: [1, 0], high: [0, 3], value: 0.5 }), shapes: [[[3, 5]], [[1, 1]]] },
  {
    name: "pad between",
    op: (x) => pad(x, { low: [1, 2], high: [3, 0], interior: [1, 2] }),
    shapes: [[[3, 5]], [[1, 1]]],
  },
  { name: "pad by reflection", op: (x) => padWith("reflect", x, [2, 1], [1, 3]), shapes: [[[3, 5]]] },
  {
    name: "pad by the edge",
    op: (x) => padWith("replicate", x, [2, 0], [1, 3]),
    shapes: [[[3, 5]], [[1, 1]]],
  },
];

const joinRows: readonly CaseRow[] = [
  {
    name: "concat",
    op: (...x) => concat(x, 1),
    shapes: [
      [
        [3, 2],
        [3, 5],
        [3, 1],
      ],
      [
        [1, 4],
        [1, 4],
      ],
    ],
  },
  { name: "concat of many", op: (...x) => concat(x), shapes: [Array.from({ length: 17 }, (_, i) => [1 + (i % 3), 2])] },
  {
    name: "stack",
    op: (...x) => stack(x, -1),
    shapes: [
      [
        [3, 4],
        [3, 4],
      ],
      [[], [], []],
    ],
  },
  { name: "split", op: (x) => arithmetic.mul(split(x, 1, [2, 3])[1]!, split(x, 1, [3, 2])[0]!), shapes: [[[4, 5]]] },
  { name: "roll", op: (x) => roll(x, [1, -2], [0, 1]), shapes: [[[3, 5]], [[1, 2]]] },
  { name: "tril", op: (x) => tril(x, 1), shapes: [[[4, 5]], [[2, 3, 3]]] },
  { name: "triu", op: (x) => triu(x), shapes: [[[5, 4]], [[2, 3, 3]]] },
  { name: "cumsum", op: (x) => cumsum(x, 1), shapes: [[[3, 7]], [[2, 5, 3]], [[1, 1]]] },
  {
    name: "gather",
    op: (x, i) => gather(x, 1, i),
    shapes: [
      [
        [4, 5],
        [4, 7],
      ],
      [
        [4, 5],
        [2, 3],
      ],
    ],
    draws: [reals(-2, 2), whole(0, 4)],
  },
  {
    name: "indexSelect",
    op: (x, i) => indexSelect(x, 0, i),
    shapes: [
      [[5, 3], [9]],
      [[5], [1]],
    ],
    draws: [reals(-2, 2), whole(0, 4)],
  },
  {
    name: "scatterAdd",
    op: (x, i, s) => scatterAdd(x, 0, i, s),
    shapes: [
      [
        [5, 3],
        [4, 2],
        [6, 3],
      ],
      [[5], [11], [11]],
    ],
    draws: [reals(-2, 2), whole(0, 4), reals(-2, 2)],
  },
  { name: "oneHot", op: (i) => oneHot(i, 5), shapes: [[[7]], [[]], [[2, 3]]], draws: [whole(0, 4)] },
];

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

const reductionRows: readonly CaseRow[] = [
  reduction("sum", (x) => sum(x)),
  reduction("sum of rows", (x) => sum(x, -1)),
  reduction("sum of columns", (x) => sum(x, 0, true)),
  reduction("sum of a transpose", (x) => sum(transpose(x), 0)),
  reduction("mean", (x) => reductions.mean(x)),
  reduction("mean of rows", (x) => reductions.mean(x, [1])),
  reduction("max", (x) => reductions.max(x, 1), distinct),
  reduction("max of all", (x) => reductions.max(x), distinct),
  reduction("min", (x) => reductions.min(x, 0), distinct),
  reduction("max with index", (x) => reductions.maxWithIndex(x, 1).values, distinct),
  reduction("min with index", (x) => reductions.minWithIndex(x, 0).values, distinct),
  reduction("argmax", (x) => reductions.argmax(x, 1), distinct),
  reduction("argmax of all", (x) => reductions.argmax(x), distinct),
  reduction("argmin", (x) => reductions.argmin(x, 0), distinct),
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
const softmaxRows: readonly CaseRow[] = [
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

const matmulRows: readonly CaseRow[] = [
  {
    name: "matmul",
    op: matmul,
    shapes: [
      [
        [1, 1],
        [1, 1],
      ],
      [
        [5, 7],
        [7, 3],
      ],
      [
        [17, 33],
        [33, 19],
      ],
      [
        [1, 65],
        [65, 10],
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
        [3, 4, 5],
        [3, 5, 2],
      ],
      [
        [2, 1, 3, 4],
        [5, 4, 2],
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

/** One formula over several tensors, as optimizers use it. It has no gradient. */
const foreachRow: CaseRow = {
  name: "foreach",
  op(rate, ...rest) {
    const half = rest.length / 2;
    const [moved, slower] = foreach("descend", [rate], [rest.slice(0, half), rest.slice(half)], ([lr], [p, g]) => {
      const step = arithmetic.mul(g!, lr!);
      return [arithmetic.sub(p!, step), arithmetic.sub(p!, arithmetic.mul(step, 0.5))];
    });
    return concat([...moved!, ...slower!].map((x) => reshape(x, [-1])));
  },
  shapes: [
    [[], [3, 5], [7], [3, 5], [7]],
    [[], [1], [1]],
  ],
  noGradient: true,
};

export const cases: readonly CaseRow[] = [
  ...unaryRows,
  ...binaryRows,
  ...viewRows,
  ...joinRows,
  ...reductionRows,
  ...softmaxRows,
  ...matmulRows,
  foreachRow,
];
