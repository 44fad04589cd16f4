import { erfText, logText, nanText, powerText, turnText } from "../../shaders/lib/math.wgsl.ts";
import { type DType, floats } from "../graph/shape.ts";
import { Tensor } from "../graph/tensor.ts";
import { div, eq, gt, maximum, mul, neg, sub, where } from "./arithmetic.ts";
import { onesLike, zerosLike } from "./constants.ts";
import { binary, finite, type Operand, unary } from "./pointwise.ts";

/*
 * Elementary functions, a row each. Errors are stated for f32, relative to the result unless said otherwise, with u = 2⁻²³ ≈ 1.2e-7.
 * They follow from what WGSL promises of the operations below them, and test/device/accuracy.test.ts holds adapters to them.
 */

/** eˣ, with an error of at most (3 + 2|x|) u. Infinite, or at least 3.4e38, from 88.8 on, and 0 below −87.4. */
export const exp = /* @__PURE__ */ unary("exp", {
  wgsl: (x) => `exp(${x})`,
  js: Math.exp,
  wide: true,
  takes: floats,
  flops: 4,
  vjp: (dy, y) => [mul(dy, y)],
});

/** Natural logarithm, with an error of at most 3 u, or 2⁻²¹ in all for x from ½ to 2. NaN below 0; log(0) is −∞ or below −87. */
export const log = /* @__PURE__ */ unary("log", {
  wgsl: (x) => `logarithm(${x})`,
  js: Math.log,
  lib: [nanText, logText],
  wide: true,
  takes: floats,
  flops: 4,
  vjp: (dy, _, x) => [div(dy, x!)],
});

/** √x, with an error of at most 5 u; NaN below 0. Its gradient at 0 is infinite, as in PyTorch. */
export const sqrt = /* @__PURE__ */ unary("sqrt", {
  wgsl: (x) => `sqrt(${x})`,
  js: Math.sqrt,
  takes: floats,
  flops: 2,
  vjp: (dy, y) => [div(mul(dy, 0.5), y)],
});

/** 1 / √x, with an error of at most 2 u. */
export const rsqrt = /* @__PURE__ */ unary("rsqrt", {
  wgsl: (x) => `inverseSqrt(${x})`,
  js: (x) => 1 / Math.sqrt(x),
  wide: true,
  takes: floats,
  flops: 2,
  vjp: (dy, y) => [mul(mul(mul(dy, -0.5), y), mul(y, y))],
});

/** 1 / x, with an error of at most 3 u for |x| up to 2¹²⁶, beyond which it may be 0. */
export const reciprocal = /* @__PURE__ */ unary("reciprocal", {
  wgsl: (x) => `F(1.0) / ${x}`,
  js: (x) => 1 / x,
  wide: true,
  takes: floats,
  vjp: (dy, y) => [neg(mul(dy, mul(y, y)))],
});

/**
 * Sine, of radians. Within ±1e5 it is off by at most 2e-7 in all, and near 0 by 4 u of its value. Farther out it loses digits, since f32
 * arithmetic cannot take off so many turns exactly, and from 1e6 on it is some number between −1 and 1: take the turns off before.
 */
export const sin = /* @__PURE__ */ unary("sin", {
  wgsl: (x) => `turn(${x}, F(0.0))`,
  js: Math.sin,
  lib: [turnText],
  takes: floats,
  flops: 30,
  vjp: (dy, _, x) => [mul(dy, cos(x!))],
});

/** Cosine, of radians; as exact as `sin`, and as far. */
export const cos = /* @__PURE__ */ unary("cos", {
  wgsl: (x) => `turn(${x}, F(1.0))`,
  js: Math.cos,
  lib: [turnText],
  takes: floats,
  flops: 30,
  vjp: (dy, _, x) => [neg(mul(dy, sin(x!)))],
});

/** Gauss's error function, 2/√π ∫₀ˣ e^(−t²) dt, with an error of at most 5 u. */
export const erf = /* @__PURE__ */ unary("erf", {
  wgsl: (x) => `erf(${x})`,
  js: erf64,
  lib: erfText,
  takes: floats,
  flops: 20,
  vjp: (dy, _, x) => [mul(dy, mul(exp(neg(mul(x!, x!))), 2 / Math.sqrt(Math.PI)))],
});

/** Downwards to a whole number; it has no gradient. */
export const floor = /* @__PURE__ */ unary("floor", {
  wgsl: (x) => `floor(${x})`,
  js: Math.floor,
  half: true,
  takes: floats,
});

/** Upwards to a whole number; it has no gradient. */
export const ceil = /* @__PURE__ */ unary("ceil", {
  wgsl: (x) => `ceil(${x})`,
  js: Math.ceil,
  half: true,
  takes: floats,
});

/** To the nearest whole number, halves to the even one; it has no gradient. */
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
 * aᵇ, with an error of at most (10 + 8|b| + 6|b log₂ a|) u. 1 where b is 0; 0 or infinite where a is 0; NaN where a is negative and b no
 * whole number. The exponent's gradient is 0 for bases that are not positive. The exponents −1, 0, ½, 1, 2 and 3 become multiplications
 * and roots.
 */
export function pow<A extends DType, B extends DType>(a: Operand<A>, b: Operand<B>): Tensor<A & B>;
export function pow(a: Operand, b: Operand): Tensor {
  if (typeof b !== "number" || !(a instanceof Tensor)) return power(a, b);
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

/** erf in float64. */
function erf64(x: number): number {
  return Math.abs(x) > 2.5 ? 1 - erfc64(x) : series64(x);
}

/** 1 − erf in float64: by the Taylor series of erf near 0, by its own continued fraction beyond 2.5 (DLMF 7.6.1 and 7.9.1). */
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
