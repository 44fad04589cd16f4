import { FormatError } from "../errors.ts";

/** Kinds of numbers. `int` and `float` are numbers in the text, which take the kind of what they meet. */
export type Scalar = "f32" | "f16" | "i32" | "u32" | "bool" | "int" | "float";

/** A type of WGSL, with all names resolved. */
export type Type =
  | { readonly kind: "scalar"; readonly of: Scalar }
  | { readonly kind: "vector"; readonly of: Scalar; readonly count: number }
  | { readonly kind: "matrix"; readonly of: Scalar; readonly columns: number; readonly rows: number }
  /** Its count is infinite where the buffer decides. */
  | { readonly kind: "array"; readonly of: Type; readonly count: number }
  | { readonly kind: "struct"; readonly name: string; readonly fields: ReadonlyMap<string, Type> }
  | { readonly kind: "atomic"; readonly of: Scalar };

export const scalar = (of: Scalar): Type => ({ kind: "scalar", of });
export const vector = (of: Scalar, count: number): Type => (count === 1 ? scalar(of) : { kind: "vector", of, count });

/** The kind of each number in a value, in order: components of vectors, columns of matrices, elements, fields. */
export function scalarsOf(type: Type): Scalar[] {
  switch (type.kind) {
    case "scalar":
    case "atomic":
      return [type.of];
    case "vector":
      return new Array<Scalar>(type.count).fill(type.of);
    case "matrix":
      return new Array<Scalar>(type.columns * type.rows).fill(type.of);
    case "array": {
      const inner = scalarsOf(type.of);
      return Array.from({ length: type.count * inner.length }, (_, i) => inner[i % inner.length]!);
    }
    case "struct":
      return [...type.fields.values()].flatMap(scalarsOf);
  }
}

/** How many numbers are in a value. */
export function widthOf(type: Type): number {
  switch (type.kind) {
    case "scalar":
    case "atomic":
      return 1;
    case "vector":
      return type.count;
    case "matrix":
      return type.columns * type.rows;
    case "array":
      return type.count * widthOf(type.of);
    case "struct":
      return [...type.fields.values()].reduce((sum, field) => sum + widthOf(field), 0);
  }
}

/** The kind of numbers in a scalar, vector or matrix. */
export function kindOf(type: Type): Scalar {
  if (type.kind === "array" || type.kind === "struct")
    throw new FormatError(`${showType(type)} stands where a number or vector should be`);
  return type.of;
}

/** The same type with numbers of another kind. */
export function withKind(type: Type, of: Scalar): Type {
  return type.kind === "vector" || type.kind === "matrix" ? { ...type, of } : scalar(of);
}

/*
 * Places in memory, in words: WGSL's layout of types without f16 in units of 4 bytes, and of types of f16 alone in units
 * of 2 bytes, is the same.
 */

/** Bytes of a word of memory that holds a type. @throws FormatError for f16 beside other numbers. */
export function wordBytes(type: Type): 2 | 4 {
  const kinds = new Set(kindsIn(type));
  if (!kinds.has("f16")) return 4;
  if (kinds.size > 1) throw new FormatError(`${showType(type)} has f16 beside other numbers, which is not supported`);
  return 2;
}

/** The kinds of numbers in a type. */
export function kindsIn(type: Type): Scalar[] {
  if (type.kind === "array") return kindsIn(type.of);
  if (type.kind === "struct") return [...type.fields.values()].flatMap(kindsIn);
  return [type.of];
}

function alignOf(type: Type): number {
  switch (type.kind) {
    case "scalar":
    case "atomic":
      return 1;
    case "vector":
      return type.count === 2 ? 2 : 4;
    case "matrix":
      return type.rows === 2 ? 2 : 4;
    case "array":
      return alignOf(type.of);
    case "struct":
      return Math.max(...[...type.fields.values()].map(alignOf));
  }
}

const aligned = (size: number, to: number): number => Math.ceil(size / to) * to;

/** Words that a value takes. */
export function sizeInWords(type: Type): number {
  switch (type.kind) {
    case "scalar":
    case "atomic":
      return 1;
    case "vector":
      return type.count;
    case "matrix":
      return type.columns * alignOf(type);
    case "array":
      return type.count * strideOf(type.of);
    case "struct": {
      const end = [...type.fields].reduce((_, [name, field]) => fieldPlace(type, name) + sizeInWords(field), 0);
      return aligned(end, alignOf(type));
    }
  }
}

/** Words from one element of an array to the next. */
export const strideOf = (type: Type): number => aligned(sizeInWords(type), alignOf(type));

/** Words before a field of a struct. */
export function fieldPlace(struct: Extract<Type, { kind: "struct" }>, wanted: string): number {
  let at = 0;
  for (const [name, field] of struct.fields) {
    at = aligned(at, alignOf(field));
    if (name === wanted) return at;
    at += sizeInWords(field);
  }
  throw new FormatError(`${struct.name} has no field ${wanted}`);
}

/** The word of each number of a value, relative to its first. */
export function placesOf(type: Type): number[] {
  switch (type.kind) {
    case "scalar":
    case "atomic":
      return [0];
    case "vector":
      return Array.from({ length: type.count }, (_, i) => i);
    case "matrix":
      return Array.from(
        { length: type.columns * type.rows },
        (_, i) => Math.floor(i / type.rows) * alignOf(type) + (i % type.rows),
      );
    case "array": {
      const inner = placesOf(type.of);
      const stride = strideOf(type.of);
      return Array.from({ length: type.count }, (_, i) => inner.map((place) => i * stride + place)).flat();
    }
    case "struct":
      return [...type.fields].flatMap(([name, field]) => {
        const from = fieldPlace(type, name);
        return placesOf(field).map((place) => from + place);
      });
  }
}

/** How a type is written in WGSL. */
export function showType(type: Type): string {
  switch (type.kind) {
    case "scalar":
      return type.of;
    case "vector":
      return `vec${type.count}<${type.of}>`;
    case "matrix":
      return `mat${type.columns}x${type.rows}<${type.of}>`;
    case "array":
      return `array<${showType(type.of)}${Number.isFinite(type.count) ? `, ${type.count}` : ""}>`;
    case "struct":
      return type.name;
    case "atomic":
      return `atomic<${type.of}>`;
  }
}
