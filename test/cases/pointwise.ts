import type { Tensor } from "../../src/graph/tensor.ts";
import { concat } from "../../src/ops/moves/concat.ts";
import { flip, reshape, slice, transpose } from "../../src/ops/moves/views.ts";
import * as activations from "../../src/ops/pointwise/activations.ts";
import * as arithmetic from "../../src/ops/pointwise/arithmetic.ts";
import * as elementary from "../../src/ops/pointwise/elementary.ts";
import { foreach } from "../../src/ops/pointwise/foreach.ts";
import { mod } from "../../src/ops/pointwise/mod.ts";
import * as trigonometry from "../../src/ops/pointwise/trigonometry.ts";
import { type Draw, grid, reals, signed, whole } from "../draws.ts";
import type { CaseRow } from "./row.ts";

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

/** Up to hundreds of quotients; no number is a multiple of a divisor. */
const wide: Draw = (count, uniform) =>
  Float32Array.from({ length: count }, () => Math.floor(uniform() * 1600 - 800) / 8 + 1 / 16);
const divisors: Draw = (count, uniform) =>
  Float32Array.from({ length: count }, () => (Math.floor(uniform() * 4) + 1) / (uniform() < 0.5 ? -2 : 2));

export const unaryRows: readonly CaseRow[] = [
  unary("neg", arithmetic.neg),
  unary("abs", arithmetic.abs, reals(-2, 2, 0)),
  unary("sign", arithmetic.sign, reals(-2, 2, 0)),
  unary("exp", elementary.exp),
  unary("log", elementary.log, reals(0.1, 4)),
  unary("sqrt", elementary.sqrt, reals(0.1, 4)),
  unary("rsqrt", elementary.rsqrt, reals(0.1, 4)),
  unary("reciprocal", elementary.reciprocal, signed(0.3, 3)),
  unary("sin", elementary.sin, reals(-3, 3), { tolerance: [1e-5, 1e-3] }),
  unary("cos", elementary.cos, reals(-3, 3), { tolerance: [1e-5, 1e-3] }),
  unary("tan", trigonometry.tan, reals(-1.2, 1.2), { tolerance: [1e-5, 1e-4] }),
  unary("asin", trigonometry.asin, reals(-0.9, 0.9)),
  unary("acos", trigonometry.acos, reals(-0.9, 0.9)),
  unary("atan", trigonometry.atan, reals(-4, 4)),
  unary("sinh", trigonometry.sinh, reals(-3, 3)),
  unary("cosh", trigonometry.cosh, reals(-3, 3)),
  unary("asinh", trigonometry.asinh, reals(-4, 4)),
  unary("acosh", trigonometry.acosh, reals(1.2, 5)),
  unary("atanh", trigonometry.atanh, reals(-0.9, 0.9)),
  unary("erf", elementary.erf, reals(-3, 3)),
  unary("floor", elementary.floor, reals(-2.5, 2.5, -2, -1, 0, 1, 2)),
  unary("ceil", elementary.ceil, reals(-2.5, 2.5, -2, -1, 0, 1, 2)),
  unary("round", elementary.round, reals(-2.4, 2.4, -1.5, -0.5, 0.5, 1.5)),
  unary("mod of a number", (x) => mod(x, -0.75), reals(-2, 2, -1.5, -0.75, 0, 0.75, 1.5)),
  unary("clamp", (x) => arithmetic.clamp(x, { min: -0.5, max: 1 }), reals(-2, 2, -0.5, 1)),
  unary("clamp from below", (x) => arithmetic.clamp(x, { min: 0.25 }), reals(-2, 2, 0.25)),
  unary("clamp from above", (x) => arithmetic.clamp(x, { max: 0.25 }), reals(-2, 2, 0.25)),
  unary("cast there and back", (x) => arithmetic.cast(arithmetic.cast(x, "i32"), "f32"), reals(-9, 9)),
  ...[-1, 0, 0.5, 1, 2, 3, 2.5].map((p) => unary(`pow ${p}`, (x) => elementary.pow(x, p), reals(0.2, 3))),
  unary("pow with a number below", (x) => elementary.pow(1.7, x)),
  unary("relu", activations.relu, reals(-2, 2, 0)),
  unary("sigmoid", activations.sigmoid, reals(-8, 8)),
  unary("tanh", activations.tanh, reals(-4, 4), { tolerance: [1e-5, 3e-5] }),
  unary("softsign", activations.softsign, reals(-8, 8, 0)),
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

export const binaryRows: readonly CaseRow[] = [
  binary("add", arithmetic.add),
  binary("sub", arithmetic.sub),
  binary("mul", arithmetic.mul),
  binary("div", arithmetic.div, [reals(-2, 2), signed(0.3, 3)]),
  binary("mod", mod, [wide, divisors]),
  binary("maximum", arithmetic.maximum, [grid(0), grid(1 / 16)]),
  binary("minimum", arithmetic.minimum, [grid(0), grid(1 / 16)]),
  binary("pow", elementary.pow, [reals(0.2, 3), reals(-2, 2)]),
  binary("eq", arithmetic.eq, [grid(0)]),
  binary("ne", arithmetic.ne, [grid(0)]),
  binary("lt", arithmetic.lt, [grid(0)]),
  binary("le", arithmetic.le, [grid(0)]),
  binary("gt", arithmetic.gt, [grid(0)]),
  binary("ge", arithmetic.ge, [grid(0)]),
  binary("div of integers", arithmetic.div, [whole(-20, 20), whole(1, 5)]),
  binary("mod of integers", mod, [whole(-20, 20), whole(-5, 5)]),
  unary("pow 0 of integers", (x) => elementary.pow(x, 0), whole(-20, 20)),
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

/** One formula over several tensors, as optimizers use it. It has no gradient. */
export const foreachRow: CaseRow = {
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
