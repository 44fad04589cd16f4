import { erfText, powerText } from "../../shaders/lib/math.wgsl.ts";
import { type DType, floats } from "../graph/shape.ts";
import type { Tensor } from "../graph/tensor.ts";
import { div, eq, gt, maximum, mul, neg, sub, where } from "./arithmetic.ts";
import { onesLike, zerosLike } from "./constants.ts";
import { binary, finite, type Operand, unary } from "./pointwise.ts";

/* Elementary functions, a row each. */

export const exp = /* @__PURE__ */ unary("exp", {
  wgsl: (x) => `exp(${x})`,
  js: Math.exp,
  wide: true,
  takes: floats,
  flops: 4,
  vjp: (dy, y) => [mul(dy, y)],
});

export const log = /* @__PURE__ */ unary("log", {
  wgsl: (x) => `log(${x})`,
  js: Math.log,
  wide: true,
  takes: floats,
  flops: 4,
  vjp: (dy, _, x) => [div(dy, x!)],
});

/** √x; its gradient at 0 is infinite, as in PyTorch. */
export const sqrt = /* @__PURE__ */ unary("sqrt", {
  wgsl: (x) => `sqrt(${x})`,
  js: Math.sqrt,
  takes: floats,
  flops: 2,
  vjp: (dy, y) => [div(mul(dy, 0.5), y)],
});

/** 1 / √x. */
export const rsqrt = /* @__PURE__ */ unary("rsqrt", {
  wgsl: (x) => `inverseSqrt(${x})`,
  js: (x) => 1 / Math.sqrt(x),
  wide: true,
  takes: floats,
  flops: 2,
  vjp: (dy, y) => [mul(mul(dy, -0.5), mul(y, mul(y, y)))],
});

export const reciprocal = /* @__PURE__ */ unary("reciprocal", {
  wgsl: (x) => `F(1.0) / ${x}`,
  js: (x) => 1 / x,
  wide: true,
  takes: floats,
  vjp: (dy, y) => [neg(mul(dy, mul(y, y)))],
});

export const sin = /* @__PURE__ */ unary("sin", {
  wgsl: (x) => `sin(${x})`,
  js: Math.sin,
  takes: floats,
  flops: 4,
  vjp: (dy, _, x) => [mul(dy, cos(x!))],
});

export const cos = /* @__PURE__ */ unary("cos", {
  wgsl: (x) => `cos(${x})`,
  js: Math.cos,
  takes: floats,
  flops: 4,
  vjp: (dy, _, x) => [neg(mul(dy, sin(x!)))],
});

/** Gauss's error function, 2/√π ∫₀ˣ e^(−t²) dt. */
export const erf = /* @__PURE__ */ unary("erf", {
  wgsl: (x) => `erf(${x})`,
  js: erf64,
  lib: [erfText],
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
export function pow<A extends DType, B extends DType>(a: Operand<A>, b: Operand<B>): Tensor<A & B>;
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
