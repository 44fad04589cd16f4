import { FormatError } from "../../errors.ts";
import type { Type } from "../code/values.ts";

/** The kinds of numbers in WGSL. */
export type Scalar = "f32" | "i32" | "u32" | "bool";

/** A type of WGSL, with all names resolved. */
export type WgslType =
  | { readonly kind: "scalar"; readonly of: Scalar }
  | { readonly kind: "vector"; readonly of: Scalar; readonly count: number }
  /** Columns of floats. */
  | { readonly kind: "matrix"; readonly columns: number; readonly rows: number }
  | { readonly kind: "array"; readonly of: WgslType; readonly count: number }
  | { readonly kind: "struct"; readonly fields: ReadonlyMap<string, WgslType> };

export const scalar = (of: Scalar): WgslType => ({ kind: "scalar", of });
export const vector = (of: Scalar, count: number): WgslType => ({ kind: "vector", of, count });

const numberType = (of: Scalar): "f32" | "i32" => (of === "f32" ? "f32" : "i32");

/**
 * The values that hold one of a type, in order: a number or a vector of four is one, a shorter vector a number for
 * each component, a matrix a vector for each column.
 */
export function partsOf(type: WgslType): Type[] {
  switch (type.kind) {
    case "scalar":
      return [numberType(type.of)];
    case "vector":
      return type.count === 4 ? [`${numberType(type.of)}x4`] : new Array<Type>(type.count).fill(numberType(type.of));
    case "matrix":
      return new Array(type.columns).fill(partsOf(vector("f32", type.rows))).flat();
    case "array":
      return new Array(type.count).fill(partsOf(type.of)).flat();
    case "struct":
      return [...type.fields.values()].flatMap(partsOf);
  }
}

/**
 * Bytes from one element to the next in memory.
 * @throws FormatError for what is neither a number nor a vector, nor an array of them.
 */
export function bytesOf(type: WgslType): number {
  if (type.kind === "scalar") return 4;
  if (type.kind === "vector") return type.count === 2 ? 8 : 16;
  if (type.kind === "array") return type.count * bytesOf(type.of);
  throw new FormatError(`WebAssembly kernels keep no ${showType(type)} in memory`);
}

/** Where the values of `partsOf` are in memory: bytes from the first. */
export function placesOf(type: WgslType): number[] {
  if (type.kind !== "array") return partsOf(type).map((_, i) => 4 * i);
  const inner = placesOf(type.of);
  return Array.from({ length: type.count }, (_, i) => inner.map((place) => i * bytesOf(type.of) + place)).flat();
}

/** How a type is written in WGSL. */
export function showType(type: WgslType): string {
  switch (type.kind) {
    case "scalar":
      return type.of;
    case "vector":
      return `vec${type.count}<${type.of}>`;
    case "matrix":
      return `mat${type.columns}x${type.rows}f`;
    case "array":
      return `array<${showType(type.of)}, ${type.count}>`;
    case "struct":
      return "struct";
  }
}
