import { type Scalar, vec4Of } from "./view.wgsl.ts";

/*
 * f16 in kernels. An op with an f16 result rounds it to f16 once, whichever kernel computes it. Fusion therefore
 * changes results no more than compilers may, which are free to contract a · b + c.
 *
 * - Memory holds f16, including workgroup memory: half the bytes.
 * - Additions, multiplications, comparisons and selections of f16 values are done in f16 (`H`), where WGSL rounds them
 *   correctly. Elementary functions and divisions are computed in f32 (`F`) and rounded: WGSL allows their f16 versions
 *   errors of several units of 2⁻¹¹, and they overflow early.
 * - Sums are f32 throughout. Factors are converted when loaded: their products are then exact (11 + 11 bits fit into
 *   24), and cost one conversion per element instead of one per product.
 */

/** The types that formulas use, each a scalar or a vec4. */
export const aliases = (width: 1 | 4): Readonly<Record<"F" | "I" | "U" | "H", string>> =>
  width === 4
    ? { F: vec4Of.f32, I: vec4Of.i32, U: vec4Of.u32, H: vec4Of.f16 }
    : { F: "f32", I: "i32", U: "u32", H: "f16" };

/** A value of an element type, or a vec4, as f32. */
export const widened = (type: Scalar, value: string, width: 1 | 4 = 1): string =>
  type === "f16" ? `${width === 4 ? "vec4f" : "f32"}(${value})` : value;

/** An f32 value, or a vec4, as an element type: rounds for f16, else unchanged. */
export const narrowed = (type: Scalar, value: string, width: 1 | 4 = 1): string =>
  type === "f16" ? `${width === 4 ? "vec4h" : "f16"}(${value})` : value;

/** Types of sums. */
export type Sum = Exclude<Scalar, "f16">;

/** The type in which an element type is summed. */
export const sumOf = (type: Scalar): Sum => (type === "f16" ? "f32" : type);
