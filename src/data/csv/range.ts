import type { ColumnType } from "../table/column.ts";

/** What holds the numbers of a column. */
export type Precision = "f32" | "f64";

/** What holds the numbers of a column of a type, if it has any. Whole numbers become f32 where others come. */
export function precisionOf(type: ColumnType): Precision | undefined {
  if (type === "f64") return "f64";
  return type === "f32" || type === "i32" ? "f32" : undefined;
}

/**
 * What was expected, in words, if a number is too large for its column: it would become an infinity.
 * @param text of a number. @param decimal what stands before its fraction.
 */
export function tooLarge(text: string, precision: Precision, decimal: "." | ","): string | undefined {
  // The largest f32 has 39 digits.
  if (text.length < 39 && !/e/i.test(text)) return undefined;
  const value = Number(decimal === "," ? text.replace(",", ".") : text);
  if (precision === "f64") return Number.isFinite(value) ? undefined : "a number of at most 1.8e308";
  return Number.isFinite(Math.fround(value)) ? undefined : "a number of at most 3.4e38, or f64 as the column's type";
}
