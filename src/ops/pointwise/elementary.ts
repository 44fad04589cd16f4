import { erfText, logText, nanText, powerText, turnText } from "../../../shaders/lib/math.wgsl.ts";
import { type DType, floats } from "../../graph/shape.ts";
import { Tensor } from "../../graph/tensor.ts";
import { zerosLike } from "../sources/constants.ts";
import { add, clamp, div, eq, gt, maximum, mul, neg, sub, where } from "./arithmetic.ts";
import { binary, finite, type Operand, unary } from "./pointwise.ts";

/*
 * Elementary functions, one row each. Docstrings state the error of f32 results: of the value, of its gradient, and of
 * the gradient's gradient ("the second"). Errors are relative, in units of u = 2⁻²³ ≈ 1.2e-7, or absolute, marked "in
 * all". A power of |x| counts as at most 200, and values below 2⁻¹²⁴ · max(1, |x|) may become 0. The bounds follow from
 * the accuracy that WGSL guarantees. test/device/accuracy.test.ts parses these sentences and tests adapters against
 * them.
 */

/** eˣ. Infinite, or at least 3.4e38, from 88.8 up, and 0 below −87.4. Error: (3 + 2|x|) u, of both gradients, too. */
export const exp = /* @__PURE__ */ unary("exp", {
  wgsl: (x) => `exp(${x})`,
  js: Math.exp,
  wide: true,
  takes: floats,
  flops: 4,
  vjp: (dy, y) => [mul(dy, y)],
});

/**
 * Natural logarithm. NaN below 0; log(0) is −∞ or below −87. Error for x up to 2¹²⁶: 3 u, at least 2⁻²¹ in all; of the
 * gradient: 3 u; of the second: 7 u.
 */
export const log = /* @__PURE__ */ unary("log", {
  wgsl: (x) => `logarithm(${x})`,
  js: Math.log,
  lib: [nanText, logText],
  wide: true,
  takes: floats,
  flops: 4,
  vjp: (dy, _, x) => [div(dy, x!)],
});

/**
 * √x; NaN below 0. Its gradient at 0 is infinite, as in PyTorch. Error for x up to 2¹²⁶: 5 u; of the gradient: 10 u; of
 * the second: 20 u.
 */
export const sqrt = /* @__PURE__ */ unary("sqrt", {
  wgsl: (x) => `sqrt(${x})`,
  js: Math.sqrt,
  takes: floats,
  flops: 2,
  vjp: (dy, y) => [div(mul(dy, 0.5), y)],
});

/** 1 / √x. Error: 2 u; of the gradient: 12 u; of the second: 30 u. */
export const rsqrt = /* @__PURE__ */ unary("rsqrt", {
  wgsl: (x) => `inverseSqrt(${x})`,
  js: (x) => 1 / Math.sqrt(x),
  wide: true,
  takes: floats,
  flops: 2,
  vjp: (dy, y) => [mul(mul(mul(dy, -0.5), y), mul(y, y))],
});

/**
 * 1 / x, which may be 0 for |x| beyond 2¹²⁶. Error for |x| up to 2¹²⁶: 3 u; of the gradient: 8 u; of the second: 16 u.
 */
export const reciprocal = /* @__PURE__ */ unary("reciprocal", {
  wgsl: (x) => `F(1.0) / ${x}`,
  js: (x) => 1 / x,
  wide: true,
  takes: floats,
  vjp: (dy, y) => [neg(mul(dy, mul(y, y)))],
});

/**
 * Sine of an angle in radians. Error for |x| up to 1e5: 2e-7 in all, of both gradients, too. Error for |x| up to 1: 4
 * u, of both gradients, too. Beyond, digits are lost, since f32 cannot reduce large angles exactly; from 1e6 the result
 * is an arbitrary number in [−1, 1]. Reduce large angles beforehand.
 */
export const sin = /* @__PURE__ */ unary("sin", {
  wgsl: (x) => `turn(${x}, F(0.0))`,
  js: Math.sin,
  lib: [turnText],
  takes: floats,
  flops: 30,
  vjp: (dy, _, x) => [mul(dy, cos(x!))],
});

/** Cosine of an angle in radians; limited like `sin`. Error for |x| up to 1e5: 2e-7 in all, of both gradients, too. */
export const cos = /* @__PURE__ */ unary("cos", {
  wgsl: (x) => `turn(${x}, F(1.0))`,
  js: Math.cos,
  lib: [turnText],
  takes: floats,
  flops: 30,
  vjp: (dy, _, x) => [neg(mul(dy, sin(x!)))],
});

/** The error function, 2/√π ∫₀ˣ e^(−t²) dt. Error: 5 u; of the gradient: (8 + 4x²) u; of the second: (12 + 4x²) u. */
export const erf = /* @__PURE__ */ unary("erf", {
  wgsl: (x) => `erf(${x})`,
  js: erf64,
  lib: erfText,
  takes: floats,
  flops: 20,
  vjp: (dy, _, x) => {
    // Beyond ±16 the curve is flat; clamping avoids overflow.
    const c = clamp(x!, { min: -16, max: 16 });
    return [mul(dy, mul(exp(neg(mul(c, c))), 2 / Math.sqrt(Math.PI)))];
  },
});

/** Rounds down to an integer. Exact; it has no gradient. */
export const floor = /* @__PURE__ */ unary("floor", {
  wgsl: (x) => `floor(${x})`,
  js: Math.floor,
  half: true,
  takes: floats,
});

/** Rounds up to an integer. Exact; it has no gradient. */
export const ceil = /* @__PURE__ */ unary("ceil", {
  wgsl: (x) => `ceil(${x})`,
  js: Math.ceil,
  half: true,
  takes: floats,
});

/** Rounds to the nearest integer, halves to even. Exact; it has no gradient. */
export const round = /* @__PURE__ */ unary("round", {
  wgsl: (x) => `round(${x})`,
  js: (x) => (Math.abs(x % 1) === 0.5 ? 2 * Math.round(x / 2) : Math.round(x)),
  takes: floats,
});

const power = /* @__PURE__ */ binary("pow", {
  wgsl: (a, b) => `power(${a}, ${b})`,
  js: (a, b) => a ** b,
  wide: true,
  lib: [nanText, powerText],
  flops: 16,
  takes: floats,
  vjp: (dy, y, a, b) => [
    mul(dy, where(eq(b!, 0), zerosLike(b!), mul(b!, power(a!, sub(b!, 1))))),
    mul(dy, where(gt(a!, 0), mul(y, log(maximum(a!, 1e-38))), zerosLike(y))),
  ],
});

/**
 * aᵇ. 1 where b is 0; 0 or infinite where a is 0; NaN where a is negative and b is not an integer. The gradient of b is
 * 0 where a ≤ 0, and infinite where aᵇ is. The exponents −1, ½, 1, 2 and 3 use multiplication, division and roots.
 *
 * Error along a, for |a| from 1e-15 to 1e15: (10 + 8|b| + 6|b log₂ a|) u; of the gradient: (12 + 8|b − 1| + 6|(b − 1)
 * log₂ a|) u; of the second: (14 + 8|b − 2| + 6|(b − 2) log₂ a|) u. Error along b, for a not between ½ and 2: (10 +
 * 8|b| + 6|b log₂ a|) u; of the gradient: (14 + 8|b| + 6|b log₂ a|) u; of the second: (18 + 8|b| + 6|b log₂ a|) u. For
 * a between ½ and 2, add the error of log a to that of gradients along b.
 */
export function pow<A extends DType, B extends DType>(a: Operand<A>, b: Operand<B>): Tensor<A & B>;
export function pow(a: Operand, b: Operand): Tensor {
  if (typeof b !== "number" || !(a instanceof Tensor)) return power(a, b);
  switch (finite("pow", "exponent", b)) {
    case -1:
      return reciprocal(a);
    case 0:
      // Keep the base in the graph, so that the program still has it as an input.
      return floats.includes(a.dtype) ? power(a, 0) : add(mul(a, 0), 1);
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

function erf64(x: number): number {
  return Math.abs(x) > 2.5 ? 1 - erfc64(x) : series64(x);
}

/** 1 − erf in float64: Taylor series near 0, continued fraction beyond 2.5 (DLMF 7.6.1 and 7.9.1). */
export function erfc64(x: number): number {
  const z = Math.abs(x);
  if (!(z > 2.5)) return 1 - series64(x);
  let tail = 0;
  for (let k = 60; k > 0; k--) tail = k / 2 / (z + tail);
  const value = Math.exp(-z * z) / Math.sqrt(Math.PI) / (z + tail);
  return x < 0 ? 2 - value : value;
}

function series64(x: number): number {
  let term = x;
  let total = x;
  for (let n = 1; n < 60; n++) {
    term *= (-x * x) / n;
    total += term / (2 * n + 1);
  }
  return (2 / Math.sqrt(Math.PI)) * total;
}
