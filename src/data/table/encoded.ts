import { AttributeError, counted } from "../../errors.ts";
import type { DataArray } from "../dataset.ts";
import { type NormalizerState, normalizer } from "../normalize.ts";
import { namesOf } from "./builder.ts";
import {
  type Column,
  type Columns,
  type ColumnType,
  columnOf,
  isMissing,
  kindOf,
  type NumberColumn,
} from "./column.ts";

interface SharedState {
  readonly column: string;
  /** What replaces missing values: a number, or the code of a category. Without it they are refused. */
  readonly fill?: number | undefined;
  readonly indicator: boolean;
}

interface NumberState extends SharedState {
  readonly kind: "number";
  /** That of the column: alone, an i32 one stays i32. */
  readonly type: NumberColumn["type"];
  readonly normalizer?: NormalizerState;
}

interface CategoryState extends SharedState {
  readonly kind: "category";
  readonly categories: readonly string[];
  readonly oneHot: boolean;
  /** What other categories become: an error, or no category at all. */
  readonly unknown: "error" | "ignore";
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

/**
 * The types that read a column of another file. Whole numbers are read as f64, which holds all of them and has gaps; a
 * text may be a category that the encoder does not know.
 */
export function typeFor(state: ColumnState): ColumnType {
  if (state.kind === "category") return state.unknown === "ignore" ? "text" : state.categories;
  return state.type === "i32" ? "f64" : state.type;
}

/** The array of a table. */
export function applyTo(table: Columns, { isList, columns }: OutputState): DataArray {
  const n = table.rows;
  const parts = columns.map((state) => ({ state, values: valuesOf(table, state) }));
  const [first] = parts;
  const width = columns.reduce((sum, state) => sum + featuresOf(state).length, 0);
  if (!isList && width === 1) {
    const whole = first!.state.kind === "category" || (first!.state.type === "i32" && !first!.state.normalizer);
    return { data: whole ? Int32Array.from(first!.values) : Float32Array.from(first!.values), shape: [n] };
  }
  const data = new Float32Array(n * width);
  let at = 0;
  for (const { state, values } of parts) {
    const features = featuresOf(state).length;
    const own = state.indicator ? features - 1 : features;
    for (let row = 0; row < n; row++) {
      const from = row * width + at;
      const isOneHot = state.kind === "category" && state.oneHot;
      if (!isOneHot) data[from] = values[row]!;
      else if (values[row]! >= 0) data[from + values[row]!] = 1;
    }
    if (state.indicator) {
      const column = columnFor(table, state);
      for (let row = 0; row < n; row++) data[row * width + at + own] = isMissing(column, row) ? 1 : 0;
    }
    at += features;
  }
  return { data, shape: [n, width] };
}

/** A column's numbers or codes, with missing ones replaced. The code of an unknown category is −1. */
function valuesOf(table: Columns, state: ColumnState): ArrayLike<number> {
  const column = columnFor(table, state);
  const { fill } = state;
  if (column.missing > 0 && fill === undefined) {
    const row = Array.from({ length: table.rows }).findIndex((_, i) => isMissing(column, i));
    throw new AttributeError(
      `${op}: column "${state.column}" has ${counted(column.missing, "missing value")}, the first in ${place(row)}; ` +
        'expected none: fill them with { missing: "median" }, or use table.dropMissing()',
    );
  }
  const present = state.kind === "category" ? codesOf(column, state) : (column.data as ArrayLike<number>);
  const filled = Float64Array.from(present, (value, row) => (isMissing(column, row) ? fill! : value));
  return state.kind === "number" && state.normalizer ? normalizer(state.normalizer).apply(filled) : filled;
}

/** The encoder's codes of a column's categories; −1 for those that it does not know, if it ignores them. */
function codesOf(column: Column, { column: name, categories, unknown }: CategoryState): Int32Array {
  const places = new Map(categories.map((category, code) => [category, code]));
  return Int32Array.from({ length: column.data.length }, (_, row) => {
    if (isMissing(column, row)) return -1;
    const value = column.data[row]!;
    const category = column.type === "category" ? column.categories[value as number]! : `${value}`;
    const code = places.get(category) ?? -1;
    if (code >= 0 || unknown === "ignore") return code;
    throw new AttributeError(
      `${op}: ${place(row)}, column "${name}" is ${JSON.stringify(category)}, expected one of ${namesOf(categories)}, ` +
        'as in the table that the encoder was made from, or { unknown: "ignore" }',
    );
  });
}

const op = "TableEncoder.apply";

/** A row in messages. Those of a reader count the header, too. */
const place = (row: number): string => `row ${row} of the table (the first is row 0)`;

/** The column, if it holds what the encoder expects. One without any value may be of any type. */
function columnFor(table: Columns, state: ColumnState): Column {
  const { column: name, kind } = state;
  const column = columnOf(op, table, name);
  if (column.missing === table.rows) return column;
  const found = kindOf(column);
  if (kind === "number" ? found === "numbers" : found !== "numbers") return column;
  throw new AttributeError(
    `${op}: column "${name}" holds ${found}, expected ${kind === "number" ? "numbers" : "categories"}, as in the table ` +
      "that the encoder was made from: to read another file in the same way, pass types: encoder.types.x",
  );
}
