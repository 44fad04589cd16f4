import { type DType, type Float, floats } from "../../graph/shape.ts";
import type { Tensor } from "../../graph/tensor.ts";
import { abs, add, div, mul, sign, sub } from "./arithmetic.ts";
import { cos, exp, log, rsqrt, sin, sqrt } from "./elementary.ts";
import { unary } from "./pointwise.ts";

/*
 * Inverse and hyperbolic functions. WGSL has some of them, with errors of up to 4096 units in the last place; atan is
 * therefore computed here, and the others are composed of ops that exist.
 */

/**
 * Reduces the angle to ±π/8, where atan(x) = x + x³ · p(x²) with a polynomial of degree 3 (S. Moshier's Cephes library,
 * atanf).
 */
const atanText = `
fn arctangent(x: F) -> F {
  let size = abs(x);
  let far = size > F(2.414213562373095);
  let middle = size > F(0.4142135623730950);
  let start = select(select(F(0.0), F(0.7853981633974483), middle), F(1.5707963267948966), far);
  let near = select(size, (size - F(1.0)) / (size + F(1.0)), middle);
  let t = select(near, F(-1.0) / size, far);
  let z = t * t;
  let p = ((F(8.05374449538e-2) * z - F(1.38776856032e-1)) * z + F(1.99777106478e-1)) * z - F(3.33329491539e-1);
  let y = start + (p * z * t + t);
  return select(y, -y, x < F(0.0));
}`;

/** The angle in radians whose tangent is x, from −π/2 to π/2. Error: 4 u with u = 2⁻²³, if a division has at most 2.5 u. */
export const atan = /* @__PURE__ */ unary("atan", {
  wgsl: (x) => `arctangent(${x})`,
  js: Math.atan,
  lib: [atanText],
  takes: floats,
  flops: 16,
  vjp: (dy, _, x) => [div(dy, add(mul(x!, x!), 1))],
});

type Function = <D extends DType>(x: Tensor<D>) => Tensor<D & Float>;

/** Tangent of an angle in radians; limited like `sin`. */
export const tan: Function = (x) => div(sin(x), cos(x));

/** The angle whose sine is x, from −π/2 to π/2. */
export const asin: Function = (x) => atan(mul(x, rsqrt(mul(sub(1, x), add(x, 1)))));

/** The angle whose cosine is x, from 0 to π. */
export const acos: Function = (x) => mul(atan(sqrt(div(sub(1, x), add(x, 1)))), 2);

/** (eˣ − e⁻ˣ) / 2. */
export const sinh: Function = (x) => mul(sub(exp(x), exp(mul(x, -1))), 0.5) as never;

/** (eˣ + e⁻ˣ) / 2. */
export const cosh: Function = (x) => mul(add(exp(x), exp(mul(x, -1))), 0.5) as never;

/** The inverse of sinh. */
export const asinh: Function = (x) => mul(sign(x), log(add(abs(x), sqrt(add(mul(x, x), 1))))) as never;

/** The inverse of cosh, for x from 1. */
export const acosh: Function = (x) => log(add(x, sqrt(mul(sub(x, 1), add(x, 1)))));

/** The inverse of tanh, for x between −1 and 1. */
export const atanh: Function = (x) => mul(log(div(add(x, 1), sub(1, x))), 0.5) as never;
