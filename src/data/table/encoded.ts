import { AttributeError, counted } from "../../errors.ts";
import type { DataArray } from "../dataset.ts";
import { type NormalizerState, normalizer } from "../normalize.ts";
import { namesOf } from "./builder.ts";
import { type Column, type Columns, columnOf, isMissing, kindOf } from "./column.ts";

interface SharedState {
  readonly column: string;
  /** What replaces missing values: a number, or the code of a category. Without it they are refused. */
  readonly fill?: number | undefined;
  readonly indicator: boolean;
}

interface NumberState extends SharedState {
  readonly kind: "number";
  /** Whether the column was i32: alone, it stays so. */
  readonly isWhole: boolean;
  readonly normalizer?: NormalizerState;
}

interface CategoryState extends SharedState {
  readonly kind: "category";
  readonly categories: readonly string[];
  readonly oneHot: boolean;
}

/** How one column is encoded. */
export type ColumnState = NumberState | CategoryState;

/** How one array of a dataset is made. */
export interface OutputState {
  /** Whether the array has an axis of features. */
  readonly isList: boolean;
  readonly columns: readonly ColumnState[];
}

/** Names of the features that a column becomes. */
export function featuresOf(state: ColumnState): string[] {
  const { column, indicator } = state;
  const own =
    state.kind === "category" && state.oneHot ? state.categories.map((name) => `${column}=${name}`) : [column];
  return indicator ? [...own, `${column} missing`] : own;
}

/** The array of a table. */
export function applyTo(table: Columns, { isList, columns }: OutputState): DataArray {
  const n = table.rows;
  const parts = columns.map((state) => ({ state, values: valuesOf(table, state) }));
  const [first] = parts;
  const width = columns.reduce((sum, state) => sum + featuresOf(state).length, 0);
  if (!isList && width === 1) {
    const whole = first!.state.kind === "category" || (first!.state.isWhole && !first!.state.normalizer);
    return { data: whole ? Int32Array.from(first!.values) : Float32Array.from(first!.values), shape: [n] };
  }
  const data = new Float32Array(n * width);
  let at = 0;
  for (const { state, values } of parts) {
    const features = featuresOf(state).length;
    const own = state.indicator ? features - 1 : features;
    for (let row = 0; row < n; row++) {
      const from = row * width + at;
      if (state.kind === "category" && state.oneHot) data[from + values[row]!] = 1;
      else data[from] = values[row]!;
    }
    if (state.indicator) {
      const column = columnFor(table, state);
      for (let row = 0; row < n; row++) data[row * width + at + own] = isMissing(column, row) ? 1 : 0;
    }
    at += features;
  }
  return { data, shape: [n, width] };
}

/** A column's numbers or codes, with missing ones replaced. */
function valuesOf(table: Columns, state: ColumnState): ArrayLike<number> {
  const column = columnFor(table, state);
  const { fill } = state;
  if (column.missing > 0 && fill === undefined) {
    const row = Array.from({ length: table.rows }).findIndex((_, i) => isMissing(column, i));
    throw new AttributeError(
      `TableEncoder.apply: column "${state.column}" has ${counted(column.missing, "missing value")}, the first in row ` +
        `${row}; expected none: fill them with { missing: "median" }, or use table.dropMissing()`,
    );
  }
  const filled = Float64Array.from(column.data as ArrayLike<number>, (value, i) =>
    isMissing(column, i) ? fill! : value,
  );
  if (state.kind === "category") return recoded(column, state, filled);
  return state.normalizer ? normalizer(state.normalizer).apply(filled) : filled;
}

/** Codes of the encoder's categories from those of the table. */
function recoded(column: Column, { column: name, categories }: CategoryState, codes: Float64Array): Float64Array {
  const own = column.type === "category" ? column.categories : [];
  if (own.length === categories.length && own.every((category, code) => category === categories[code])) return codes;
  const places = own.map((category) => categories.indexOf(category));
  return codes.map((code, row) => {
    if (isMissing(column, row)) return code;
    const place = places[code]!;
    if (place >= 0) return place;
    throw new AttributeError(
      `TableEncoder.apply: row ${row}, column "${name}" is ${JSON.stringify(own[code])}, ` +
        `expected one of ${namesOf(categories)}, as in the table that the encoder was made from`,
    );
  });
}

function columnFor(table: Columns, { column: name, kind }: ColumnState): Column {
  const column = columnOf("TableEncoder.apply", table, name);
  const [found, expected] = [kindOf(column), kind === "number" ? "numbers" : "categories"];
  if (found === expected) return column;
  throw new AttributeError(
    `TableEncoder.apply: column "${name}" holds ${found}, expected ${expected}, as in the table that the encoder was made from`,
  );
}
