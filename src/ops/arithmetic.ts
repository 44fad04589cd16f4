import { erfText, powerText } from "../../shaders/lib/math.wgsl.ts";
import type { Op } from "../graph/op.ts";
import { type DType, floats } from "../graph/shape.ts";
import { apply, type Tensor } from "../graph/tensor.ts";
import { full, fullValue, onesLike, zerosLike } from "./constants.ts";
import { attributedOp, binary, broadcast, finite, type Operand, pointwiseOp, unary, unaryWith } from "./pointwise.ts";
import { literal } from "./program.ts";

/*
 * Arithmetic, comparisons and elementary functions: a row each. `wgsl` and `js` are the value, `vjp` the gradient. All public
 * functions broadcast as NumPy does and take plain numbers where a tensor may stand.
 */

export const add = binary("add", {
  wgsl: (a, b) => `${a} + ${b}`,
  js: (a, b) => a + b,
  half: true,
  vjp: (dy) => [dy, dy],
});

export const sub = binary("sub", {
  wgsl: (a, b) => `${a} - ${b}`,
  js: (a, b) => a - b,
  half: true,
  vjp: (dy) => [dy, neg(dy)],
});

export const mul = binary("mul", {
  wgsl: (a, b) => `${a} * ${b}`,
  js: (a, b) => a * b,
  half: true,
  vjp: (dy, _, a, b) => [mul(dy, b!), mul(dy, a!)],
});

/** a / b. Whole numbers are divided towards zero. */
export const div = binary("div", {
  wgsl: (a, b) => `${a} / ${b}`,
  js: (a, b) => a / b,
  vjp: (dy, y, _, b) => [div(dy, b!), neg(div(mul(dy, y), b!))],
});

/** The larger of two; where they are equal each gets half of the gradient. */
export const maximum = binary("maximum", {
  wgsl: (a, b) => `max(${a}, ${b})`,
  js: (a, b) => Math.max(a, b),
  half: true,
  vjp: (dy, _, a, b) => [mul(dy, share(gt(a!, b!), a!, b!)), mul(dy, share(lt(a!, b!), a!, b!))],
});

/** The smaller of two; where they are equal each gets half of the gradient. */
export const minimum = binary("minimum", {
  wgsl: (a, b) => `min(${a}, ${b})`,
  js: (a, b) => Math.min(a, b),
  half: true,
  vjp: (dy, _, a, b) => [mul(dy, share(lt(a!, b!), a!, b!)), mul(dy, share(gt(a!, b!), a!, b!))],
});

/** 1 where an operand won, ½ at a tie, 0 where it lost. */
const share = (won: Tensor, a: Tensor, b: Tensor): Tensor =>
  where(won, onesLike(a), where(eq(a, b), mul(onesLike(a), 0.5), zerosLike(a)));

const power = binary("pow", {
  wgsl: (a, b) => `power(${a}, ${b})`,
  js: (a, b) => a ** b,
  wide: true,
  lib: [powerText],
  flops: 10,
  takes: floats,
  vjp: (dy, y, a, b) => [
    mul(dy, where(eq(b!, 0), zerosLike(b!), mul(b!, power(a!, sub(b!, 1))))),
    mul(dy, where(gt(a!, 0), mul(y, log(maximum(a!, 1e-38))), zerosLike(y))),
  ],
});

/**
 * aᵇ. A negative base needs a whole exponent (else the value is unspecified); the exponent's gradient is 0 for bases that are
 * not positive. The exponents −1, 0, ½, 1, 2 and 3 become multiplications and roots.
 */
export function pow(a: Operand, b: Operand): Tensor {
  if (typeof b !== "number" || typeof a === "number") return power(a, b);
  switch (finite("pow", "exponent", b)) {
    case -1:
      return reciprocal(a);
    case 0:
      return onesLike(a);
    case 0.5:
      return sqrt(a);
    case 1:
      return a;
    case 2:
      return mul(a, a);
    case 3:
      return mul(mul(a, a), a);
    default:
      return power(a, b);
  }
}

const comparison = (name: string, sign: string, js: (a: number, b: number) => boolean) =>
  binary(name, {
    wgsl: (a, b) => `select(I(0), I(1), ${a} ${sign} ${b})`,
    js: (a, b) => Number(js(a, b)),
    half: true,
    result: "i32",
  });

/** Comparisons give i32 tensors of ones and zeros and have no gradient. */
export const eq = comparison("eq", "==", (a, b) => a === b);
export const ne = comparison("ne", "!=", (a, b) => a !== b);
export const lt = comparison("lt", "<", (a, b) => a < b);
export const le = comparison("le", "<=", (a, b) => a <= b);
export const gt = comparison("gt", ">", (a, b) => a > b);
export const ge = comparison("ge", ">=", (a, b) => a >= b);

const whereOp: Op = pointwiseOp("where", {
  wgsl: (condition, a, b) => `select(${b}, ${a}, ${condition} != I(0))`,
  js: (condition, a, b) => (condition !== 0 ? a! : b!),
  half: true,
  first: "i32",
  vjp: (dy, _, condition) => [undefined, where(condition!, dy, zerosLike(dy)), where(condition!, zerosLike(dy), dy)],
});

/** a where the i32 condition is not 0, else b. All three broadcast. */
export const where = (condition: Tensor, a: Operand, b: Operand): Tensor =>
  apply(whereOp, broadcast("where", [condition, a, b], "i32"));

export const neg = unary("neg", {
  wgsl: (x) => `-${x}`,
  js: (x) => -x,
  half: true,
  takes: [...floats, "i32"],
  vjp: (dy) => [neg(dy)],
});

/** |x|, with gradient 0 at 0. */
export const abs = unary("abs", {
  wgsl: (x) => `abs(${x})`,
  js: Math.abs,
  half: true,
  vjp: (dy, _, x) => [mul(dy, sign(x!))],
});

/** −1, 0 or 1; its gradient is 0. */
export const sign = unary("sign", {
  wgsl: (x) => `sign(${x})`,
  js: Math.sign,
  half: true,
  takes: [...floats, "i32"],
  vjp: (_, y) => [zerosLike(y)],
});

export const exp = unary("exp", {
  wgsl: (x) => `exp(${x})`,
  js: Math.exp,
  wide: true,
  takes: floats,
  flops: 4,
  vjp: (dy, y) => [mul(dy, y)],
});

export const log = unary("log", {
  wgsl: (x) => `log(${x})`,
  js: Math.log,
  wide: true,
  takes: floats,
  flops: 4,
  vjp: (dy, _, x) => [div(dy, x!)],
});

/** √x; its gradient at 0 is infinite, as in PyTorch. */
export const sqrt = unary("sqrt", {
  wgsl: (x) => `sqrt(${x})`,
  js: Math.sqrt,
  takes: floats,
  flops: 2,
  vjp: (dy, y) => [div(mul(dy, 0.5), y)],
});

/** 1 / √x. */
export const rsqrt = unary("rsqrt", {
  wgsl: (x) => `inverseSqrt(${x})`,
  js: (x) => 1 / Math.sqrt(x),
  wide: true,
  takes: floats,
  flops: 2,
  vjp: (dy, y) => [mul(mul(dy, -0.5), mul(y, mul(y, y)))],
});

export const reciprocal = unary("reciprocal", {
  wgsl: (x) => `F(1.0) / ${x}`,
  js: (x) => 1 / x,
  wide: true,
  takes: floats,
  vjp: (dy, y) => [neg(mul(dy, mul(y, y)))],
});

export const sin = unary("sin", {
  wgsl: (x) => `sin(${x})`,
  js: Math.sin,
  takes: floats,
  flops: 4,
  vjp: (dy, _, x) => [mul(dy, cos(x!))],
});

export const cos = unary("cos", {
  wgsl: (x) => `cos(${x})`,
  js: Math.cos,
  takes: floats,
  flops: 4,
  vjp: (dy, _, x) => [neg(mul(dy, sin(x!)))],
});

/** Gauss's error function, 2/√π ∫₀ˣ e^(−t²) dt. */
export const erf = unary("erf", {
  wgsl: (x) => `erf(${x})`,
  js: erf64,
  lib: [erfText],
  takes: floats,
  flops: 20,
  vjp: (dy, _, x) => [mul(dy, mul(exp(neg(mul(x!, x!))), 2 / Math.sqrt(Math.PI)))],
});

/** Downwards to a whole number; its gradient is 0. */
export const floor = unary("floor", {
  wgsl: (x) => `floor(${x})`,
  js: Math.floor,
  half: true,
  takes: floats,
  vjp: (_, y) => [zerosLike(y)],
});

/** To the nearest whole number, halves to the even one; its gradient is 0. */
export const round = unary("round", {
  wgsl: (x) => `round(${x})`,
  js: (x) => (Math.abs(x % 1) === 0.5 ? 2 * Math.round(x / 2) : Math.round(x)),
  takes: floats,
  vjp: (_, y) => [zerosLike(y)],
});

const clampTo = unaryWith<{ min?: number; max?: number }>("clamp", ({ min, max }) => ({
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

/** x held between two bounds, either of which may be left out. The gradient passes at the bounds, as in PyTorch. */
export function clamp(x: Tensor, { min, max }: { min?: number | undefined; max?: number | undefined }): Tensor {
  if (min !== undefined) finite("clamp", "min", min);
  if (max !== undefined) finite("clamp", "max", max);
  return clampTo(x, { ...(min !== undefined && { min }), ...(max !== undefined && { max }) });
}

const wgslType = { f32: "F", f16: "H", i32: "I", u32: "U" };

const castOp: Op = attributedOp<{ to: DType }>(
  "cast",
  ({ to }) => ({
    wgsl: (x) => `${wgslType[to]}(${x})`,
    js: (x) => (floats.includes(to) ? x : Math.trunc(x)),
    result: to,
    vjp: (dy, _, x) => [floats.includes(x!.dtype) && floats.includes(to) ? cast(dy, x!.dtype) : undefined],
  }),
  { half: true },
);

/** The same values as another dtype; floats are cut towards zero on their way to whole numbers, f32 is rounded to f16. */
export function cast(x: Tensor, to: DType): Tensor {
  if (x.dtype === to) return x;
  // A number stays a number: as a literal it is held at the ends of f16, where a conversion would not compile.
  const value = to === "f16" ? fullValue(x) : undefined;
  return value === undefined ? apply(castOp, [x], { to }) : full(x.shape, value, to);
}

/** erf in float64: its Taylor series near 0, the continued fraction of erfc beyond 2.5 (DLMF 7.6.1 and 7.9.1). */
export function erf64(x: number): number {
  const z = Math.abs(x);
  if (z > 6) return Math.sign(x);
  if (z > 2.5) {
    let tail = 0;
    for (let k = 60; k > 0; k--) tail = k / 2 / (z + tail);
    return Math.sign(x) * (1 - Math.exp(-z * z) / Math.sqrt(Math.PI) / (z + tail));
  }
  let term = x;
  let total = x;
  for (let n = 1; n < 60; n++) {
    term *= (-x * x) / n;
    total += term / (2 * n + 1);
  }
  return (2 / Math.sqrt(Math.PI)) * total;
}
