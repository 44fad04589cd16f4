import type { Tensor } from "../../graph/tensor.ts";
import { unary } from "./pointwise.ts";

/*
 * Which kind of number an f32 is, by its bits: comparisons cannot tell, since WGSL may assume that neither NaN nor
 * infinities occur.
 */

type Test = (x: Tensor) => Tensor<"i32">;

const test = (name: string, wgsl: (bits: string) => string, js: (x: number) => boolean): Test =>
  unary(name, {
    wgsl: (x) => `select(I(0), I(1), ${wgsl(`bitcast<U>(${x})`)})`,
    js: (x) => Number(js(x)),
    takes: ["f32"],
    result: "i32",
  }) as unknown as Test;

/** 1 where an f32 is NaN, else 0, as i32. It has no gradient. */
export const isNan = /* @__PURE__ */ test(
  "isNan",
  (bits) => `(${bits} & U(0x7fffffffu)) > U(0x7f800000u)`,
  Number.isNaN,
);

/** 1 where an f32 is +∞ or −∞, else 0, as i32. It has no gradient. */
export const isInf = /* @__PURE__ */ test(
  "isInf",
  (bits) => `(${bits} & U(0x7fffffffu)) == U(0x7f800000u)`,
  (x) => Math.abs(x) === Number.POSITIVE_INFINITY,
);

/** 1 where an f32 is +∞, else 0, as i32. */
export const isPositiveInfinity = /* @__PURE__ */ test(
  "isPositiveInfinity",
  (bits) => `${bits} == U(0x7f800000u)`,
  (x) => x === Number.POSITIVE_INFINITY,
);

/** 1 where an f32 is −∞, else 0, as i32. */
export const isNegativeInfinity = /* @__PURE__ */ test(
  "isNegativeInfinity",
  (bits) => `${bits} == U(0xff800000u)`,
  (x) => x === Number.NEGATIVE_INFINITY,
);
