import { nanText, turnText } from "../../../shaders/lib/math.wgsl.ts";
import {
  acoshText,
  acosText,
  asinhText,
  asinText,
  atanhText,
  atanText,
  coshText,
  sinhText,
} from "../../../shaders/lib/trigonometry.wgsl.ts";
import { floats } from "../../graph/shape.ts";
import { add, div, mul, neg } from "./arithmetic.ts";
import { reciprocal, rsqrt } from "./elementary.ts";
import { unary } from "./pointwise.ts";

/*
 * Tangent, inverse and hyperbolic functions, one row each. Docstrings state errors as those of elementary.ts.
 */

/** (1 − x)(1 + x), which keeps its precision near ±1. */
const oneMinusSquare = /* @__PURE__ */ unary("oneMinusSquare", {
  wgsl: (x) => `(F(1.0) - ${x}) * (F(1.0) + ${x})`,
  js: (x) => (1 - x) * (1 + x),
  takes: floats,
  flops: 3,
  vjp: (dy, _, x) => [mul(mul(dy, x!), -2)],
});

/**
 * Tangent of an angle in radians; limited like `sin`. Error for |x| up to 1: 12 u; of the gradient: 24 u; of the
 * second: 40 u. Near odd multiples of π/2, an error of x counts many times.
 */
export const tan = /* @__PURE__ */ unary("tan", {
  wgsl: (x) => `turn(${x}, F(0.0)) / turn(${x}, F(1.0))`,
  js: Math.tan,
  lib: [turnText],
  wide: true,
  takes: floats,
  flops: 61,
  vjp: (dy, y) => [mul(dy, add(mul(y, y), 1))],
});

/**
 * The angle in radians whose tangent is x, from −π/2 to π/2. Error for |x| up to 1e9: 8 u; of the gradient: 5 u; of the
 * second: 20 u.
 */
export const atan = /* @__PURE__ */ unary("atan", {
  wgsl: (x) => `arctangent(${x})`,
  js: Math.atan,
  lib: [atanText],
  takes: floats,
  flops: 16,
  vjp: (dy, _, x) => [div(dy, add(mul(x!, x!), 1))],
});

/**
 * The angle in radians whose sine is x, from −π/2 to π/2; NaN beyond ±1. Its gradient at ±1 is infinite. Error: 12 u; of
 * the gradient: 5 u; of the second: 20 u.
 */
export const asin = /* @__PURE__ */ unary("asin", {
  wgsl: (x) => `arcsine(${x})`,
  js: Math.asin,
  lib: [nanText, atanText, asinText],
  takes: floats,
  flops: 24,
  vjp: (dy, _, x) => [mul(dy, rsqrt(oneMinusSquare(x!)))],
});

/**
 * The angle in radians whose cosine is x, from 0 to π; NaN beyond ±1. Its gradient at ±1 is infinite. Error: 16 u; of
 * the gradient: 5 u; of the second: 20 u.
 */
export const acos = /* @__PURE__ */ unary("acos", {
  wgsl: (x) => `arccosine(${x})`,
  js: Math.acos,
  lib: [nanText, atanText, acosText],
  takes: floats,
  flops: 24,
  vjp: (dy, _, x) => [neg(mul(dy, rsqrt(oneMinusSquare(x!))))],
});

/** (eˣ − e⁻ˣ) / 2. Infinite, or at least 3.4e38, from 89.5 up. Error: (9 + 3|x|) u, of both gradients, too. */
export const sinh = /* @__PURE__ */ unary("sinh", {
  wgsl: (x) => `hyperbolicSine(${x})`,
  js: Math.sinh,
  lib: [sinhText],
  wide: true,
  takes: floats,
  flops: 14,
  vjp: (dy, _, x) => [mul(dy, cosh(x!))],
});

/** (eˣ + e⁻ˣ) / 2. Infinite, or at least 3.4e38, from 89.5 up. Error: (9 + 3|x|) u, of both gradients, too. */
export const cosh: typeof sinh = /* @__PURE__ */ unary("cosh", {
  wgsl: (x) => `hyperbolicCosine(${x})`,
  js: Math.cosh,
  lib: [coshText],
  wide: true,
  takes: floats,
  flops: 8,
  vjp: (dy, _, x) => [mul(dy, sinh(x!))],
});

/**
 * The number whose sinh is x. Error for |x| up to 1e12: 20 u; of the gradient: 6 u; of the second: 24 u.
 */
export const asinh = /* @__PURE__ */ unary("asinh", {
  wgsl: (x) => `areaSine(${x})`,
  js: Math.asinh,
  lib: [asinhText],
  takes: floats,
  flops: 20,
  vjp: (dy, _, x) => [mul(dy, rsqrt(add(mul(x!, x!), 1)))],
});

/**
 * The number from 0 whose cosh is x; NaN below 1. Its gradient at 1 is infinite. Error for x up to 1e12: 16 u; of the
 * gradient: 6 u; of the second: 24 u.
 */
export const acosh = /* @__PURE__ */ unary("acosh", {
  wgsl: (x) => `areaCosine(${x})`,
  js: Math.acosh,
  lib: [nanText, acoshText],
  takes: floats,
  flops: 24,
  vjp: (dy, _, x) => [mul(dy, rsqrt(neg(oneMinusSquare(x!))))],
});

/**
 * The number whose tanh is x: infinite at ±1, NaN beyond. Error for |x| up to 0.999: 12 u; of the gradient: 6 u; of the
 * second: 20 u.
 */
export const atanh = /* @__PURE__ */ unary("atanh", {
  wgsl: (x) => `areaTangent(${x})`,
  js: Math.atanh,
  lib: [nanText, atanhText],
  takes: floats,
  flops: 18,
  vjp: (dy, _, x) => [mul(dy, reciprocal(oneMinusSquare(x!)))],
});
