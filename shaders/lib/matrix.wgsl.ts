/** A number, or several as a vector. */
export const vectorOf = (parts: readonly string[]): string =>
  parts.length > 1 ? `vec${parts.length}f(${parts.join(", ")})` : parts[0]!;

/** A vec4, or several as the columns of a matrix. */
export const matrixOf = (columns: readonly string[]): string =>
  columns.length > 1 ? `mat${columns.length}x4f(${columns.join(", ")})` : columns[0]!;
