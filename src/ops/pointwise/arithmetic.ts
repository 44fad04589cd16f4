import { optionsOf } from "../../errors.ts";
import { checkDType, type DType, type Float, floats } from "../../graph/shape.ts";
import { apply, checkTensors, fullValue, type Op, type Tensor } from "../../graph/tensor.ts";
import { literal } from "../../kernels/render.ts";
import { full, zerosLike } from "../sources/constants.ts";
import {
  attributedOp,
  binary,
  broadcast,
  finite,
  type Operand,
  pointwiseOp,
  type Unary,
  unary,
  unaryWith,
} from "./pointwise.ts";

/*
 * Arithmetic, comparisons and the ops that gradients use, one row each. `wgsl` and `js` compute the value, `vjp` the
 * gradient. All public functions broadcast like NumPy and accept numbers in place of tensors. Errors are stated and
 * tested as in elementary.ts.
 */

/** a + b. Error: ½ u; of the gradient: none; of the second: none. */
export const add = /* @__PURE__ */ binary("add", {
  wgsl: (a, b) => `${a} + ${b}`,
  js: (a, b) => a + b,
  half: true,
  vjp: (dy) => [dy, dy],
});

/** a − b. Error: ½ u; of the gradient: none; of the second: none. */
export const sub = /* @__PURE__ */ binary("sub", {
  wgsl: (a, b) => `${a} - ${b}`,
  js: (a, b) => a - b,
  half: true,
  vjp: (dy) => [dy, neg(dy)],
});

/** a · b. Error along either: ½ u; of the gradient: none; of the second: none. */
export const mul = /* @__PURE__ */ binary("mul", {
  wgsl: (a, b) => `${a} * ${b}`,
  js: (a, b) => a * b,
  whole: Math.imul,
  half: true,
  vjp: (dy, _, a, b) => [mul(dy, b!), mul(dy, a!)],
});

/**
 * a / b. Integer division rounds toward zero; dividing an integer by 0 returns it unchanged. Error along a: 3 u, of
 * both gradients, too. Error along b, for |b| up to 2¹²⁶: 3 u; of the gradient: 8 u; of the second: 16 u. Both for |b|
 * from 2⁻¹²⁶ on.
 */
export const div = /* @__PURE__ */ binary("div", {
  wgsl: (a, b) => `${a} / ${b}`,
  js: (a, b) => a / b,
  whole: (a, b) => (b === 0 ? a : a / b),
  vjp: (dy, y, _, b) => [div(dy, b!), neg(div(mul(dy, y), b!))],
});

/** The larger of two values; at a tie, each gets half of the gradient. Exact, as are both gradients. */
export const maximum = /* @__PURE__ */ binary("maximum", {
  wgsl: (a, b) => `max(${a}, ${b})`,
  js: (a, b) => Math.max(a, b),
  half: true,
  vjp: (dy, _, a, b) => [share(dy, gt(a!, b!), a!, b!), share(dy, lt(a!, b!), a!, b!)],
});

/** The smaller of two values; at a tie, each gets half of the gradient. Exact, as are both gradients. */
export const minimum = /* @__PURE__ */ binary("minimum", {
  wgsl: (a, b) => `min(${a}, ${b})`,
  js: (a, b) => Math.min(a, b),
  half: true,
  vjp: (dy, _, a, b) => [share(dy, lt(a!, b!), a!, b!), share(dy, gt(a!, b!), a!, b!)],
});

/**
 * dy where an operand won, half of it at a tie, and 0 where it lost. Selected rather than multiplied by 0, so that NaN
 * in dy cannot leak.
 */
const share = (dy: Tensor, won: Tensor, a: Tensor, b: Tensor): Tensor =>
  where(won, dy, where(eq(a, b), mul(dy, 0.5), zerosLike(dy)));

const comparison = (name: string, sign: string, js: (a: number, b: number) => boolean) =>
  binary(name, {
    wgsl: (a, b) => `select(I(0), I(1), ${a} ${sign} ${b})`,
    js: (a, b) => Number(js(a, b)),
    half: true,
    result: "i32",
  }) as (a: Operand, b: Operand) => Tensor<"i32">;

/** a = b, as i32: 1 where it holds, else 0. No gradient, as of all comparisons. */
export const eq = /* @__PURE__ */ comparison("eq", "==", (a, b) => a === b);
/** a ≠ b, as i32: 1 where it holds, else 0. No gradient. */
export const ne = /* @__PURE__ */ comparison("ne", "!=", (a, b) => a !== b);
/** a < b, as i32: 1 where it holds, else 0. No gradient. */
export const lt = /* @__PURE__ */ comparison("lt", "<", (a, b) => a < b);
/** a ≤ b, as i32: 1 where it holds, else 0. No gradient. */
export const le = /* @__PURE__ */ comparison("le", "<=", (a, b) => a <= b);
/** a > b, as i32: 1 where it holds, else 0. No gradient. */
export const gt = /* @__PURE__ */ comparison("gt", ">", (a, b) => a > b);
/** a ≥ b, as i32: 1 where it holds, else 0. No gradient. */
export const ge = /* @__PURE__ */ comparison("ge", ">=", (a, b) => a >= b);

const whereOp: Op = /* @__PURE__ */ pointwiseOp("where", {
  wgsl: (condition, a, b) => `select(${b}, ${a}, ${condition} != I(0))`,
  js: (condition, a, b) => (condition !== 0 ? a! : b!),
  half: true,
  first: "i32",
  vjp: (dy, _, condition) => [undefined, where(condition!, dy, zerosLike(dy)), where(condition!, zerosLike(dy), dy)],
});

/**
 * a where the i32 condition is not 0, else b. All three broadcast. The value not taken does not matter, and its
 * gradient is 0. Further back, this 0 may still meet an infinite derivative, as that of log at 0, and become NaN:
 * select such operands too. Exact, as are both gradients.
 */
export const where = <A extends DType, B extends DType>(
  condition: Tensor,
  a: Operand<A>,
  b: Operand<B>,
): Tensor<A & B> => apply(whereOp, broadcast("where", [condition, a, b], "i32"));

/** −x. Exact, as are both gradients. */
export const neg: Unary = /* @__PURE__ */ unary("neg", {
  wgsl: (x) => `-${x}`,
  js: (x) => -x,
  half: true,
  takes: [...floats, "i32"],
  vjp: (dy) => [neg(dy)],
});

/** |x|, with gradient 0 at 0. Exact, as are both gradients. */
export const abs: Unary = /* @__PURE__ */ unary("abs", {
  wgsl: (x) => `abs(${x})`,
  js: Math.abs,
  half: true,
  vjp: (dy, _, x) => [mul(dy, sign(x!))],
});

/** The sign of x: −1, 0 or 1. Exact; it has no gradient. */
export const sign: Unary = /* @__PURE__ */ unary("sign", {
  wgsl: (x) => `sign(${x})`,
  js: Math.sign,
  half: true,
  takes: [...floats, "i32"],
});

const clampTo = /* @__PURE__ */ unaryWith<{ min?: number; max?: number }>("clamp", ({ min, max }) => ({
  wgsl: (x) => {
    const above = min === undefined ? x : `max(${x}, ${literal(min)})`;
    return max === undefined ? above : `min(${above}, ${literal(max)})`;
  },
  js: (x) => Math.min(Math.max(x, min ?? -Infinity), max ?? Infinity),
  takes: floats,
  vjp: (dy, _, x) => {
    const above = min === undefined ? dy : where(ge(x!, min), dy, zerosLike(dy));
    return [max === undefined ? above : where(le(x!, max), above, zerosLike(dy))];
  },
}));

/**
 * x limited to a range with either bound optional. The gradient passes at the bounds, as in PyTorch. Exact, as are both
 * gradients.
 */
export function clamp<D extends DType>(
  x: Tensor<D>,
  bounds: { min?: number | undefined; max?: number | undefined },
): Tensor<D & Float> {
  const { min, max } = optionsOf("clamp", bounds, { min: undefined, max: undefined });
  if (min !== undefined) finite("clamp", "min", min);
  if (max !== undefined) finite("clamp", "max", max);
  return clampTo(x, { ...(min !== undefined && { min }), ...(max !== undefined && { max }) });
}

const wgslType = { f32: "F", f16: "H", i32: "I", u32: "U" };

/** The smallest and largest integers of each dtype that f32 represents exactly. */
const ends = { i32: [-2147483648, 2147483520], u32: [0, 4294967040] } as const;

const castOp: Op = /* @__PURE__ */ attributedOp<{ to: DType }>(
  "cast",
  ({ to }) => ({
    wgsl: (x) => `${wgslType[to]}(${x})`,
    js: (x) =>
      floats.includes(to) ? x : Math.trunc(Math.min(Math.max(x, ends[to as "i32"][0]), ends[to as "i32"][1])),
    whole: (x) => x,
    result: to,
    vjp: (dy, _, x) => [floats.includes(x!.dtype) && floats.includes(to) ? cast(dy, x!.dtype) : undefined],
  }),
  { half: true },
);

/**
 * The same values in another dtype. Floats become integers by truncation toward zero, clamped to −2³¹ … 2³¹ − 128 for
 * i32 and 0 … 2³² − 256 for u32. Between i32 and u32 the bits are kept; f32 is rounded to f16.
 */
export function cast<D extends DType>(x: Tensor, to: D): Tensor<D> {
  checkTensors("cast", x);
  checkDType("cast", to);
  if (x.dtype === (to as DType)) return x as Tensor<D>;
  // Keep a number a constant: its literal is clamped to the range of f16, whereas a conversion would not compile.
  const value = to === "f16" ? fullValue(x) : undefined;
  return value === undefined ? apply(castOp, [x], { to }) : full(x.shape, value, to);
}
