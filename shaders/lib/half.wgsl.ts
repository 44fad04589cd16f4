import { type Scalar, vec4Of } from "./view.wgsl.ts";

/*
 * f16 in kernels. Where the result of an op is f16, it is rounded to f16 once, whatever kernel computes it: fusing ops changes a
 * result by no more than compilers may, which are free to contract a · b + c.
 *
 * - Memory holds f16, and so does workgroup memory: half the bytes.
 * - Additions, multiplications, comparisons and selections between f16 values are done in f16 (`H`), where WGSL has them rounded
 *   correctly. Elementary functions and divisions are computed in f32 (`F`) from the f16 values, and rounded: WGSL lets f16
 *   versions of these err by several units of 2⁻¹¹, and they overflow where their result need not.
 * - Sums are f32 throughout: factors are widened when they are loaded, so that their products are exact (11 + 11 bits fit into
 *   24) and cost one conversion an element instead of one a product.
 */

/** The types that formulas are written in: each a scalar, or a vec4. */
export const aliases = (width: 1 | 4): Readonly<Record<"F" | "I" | "U" | "H", string>> =>
  width === 4
    ? { F: vec4Of.f32, I: vec4Of.i32, U: vec4Of.u32, H: vec4Of.f16 }
    : { F: "f32", I: "i32", U: "u32", H: "f16" };

/** A value of an element type, or a vec4 of them, as f32. */
export const widened = (type: Scalar, value: string, width: 1 | 4 = 1): string =>
  type === "f16" ? `${width === 4 ? "vec4f" : "f32"}(${value})` : value;

/** An f32 value, or a vec4 of them, as an element type: f16 is rounded, all others are left as they are. */
export const narrowed = (type: Scalar, value: string, width: 1 | 4 = 1): string =>
  type === "f16" ? `${width === 4 ? "vec4h" : "f16"}(${value})` : value;

/** Types that sums have. */
export type Sum = Exclude<Scalar, "f16">;

/** The type that sums over an element type have. */
export const sumOf = (type: Scalar): Sum => (type === "f16" ? "f32" : type);
