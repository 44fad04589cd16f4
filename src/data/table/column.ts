import { AttributeError, noSuch, refuse } from "../../errors.ts";

/** A column of numbers. Missing values are NaN; an i32 column has none. */
export interface NumberColumn {
  readonly type: "f32" | "f64" | "i32";
  readonly data: Float32Array | Float64Array | Int32Array;
  /** How many values are missing. */
  readonly missing: number;
}

/** A column of names from a list. */
export interface CategoryColumn {
  readonly type: "category";
  /** Positions in `categories`; −1 where the value is missing. */
  readonly data: Int32Array;
  readonly categories: readonly string[];
  readonly missing: number;
}

/** A column of free texts. Missing ones are `undefined`. */
export interface TextColumn {
  readonly type: "text";
  readonly data: readonly (string | undefined)[];
  readonly missing: number;
}

/** A column of a table: numbers, categories or texts, told apart by `type`. */
export type Column = NumberColumn | CategoryColumn | TextColumn;

/** What a table has. */
export interface Columns {
  readonly rows: number;
  readonly columns: ReadonlyMap<string, Column>;
}

/**
 * What a column holds. Numbers: f32, f64 (for standardising numbers such as times, which f32 rounds) or i32 (whole, none
 * missing). Names: a list of them in the order of their codes, or "category" for all that occur, sorted. Or any texts.
 */
export type ColumnType = NumberColumn["type"] | "category" | "text" | readonly string[];

/** The type that reads another file in the same way: categories keep their codes. */
export const typeOf = (column: Column): ColumnType => (column.type === "category" ? column.categories : column.type);

/** What a column holds, in words. */
export function kindOf({ type }: Column): "numbers" | "categories" | "texts" {
  if (type === "category") return "categories";
  return type === "text" ? "texts" : "numbers";
}

/** The column of a name. @throws AttributeError for a name that none has. */
export function columnOf(op: string, { columns }: Columns, name: string): Column {
  if (typeof name !== "string") refuse(op, "the name of a column", name, "a text");
  const column = columns.get(name);
  if (!column) throw new AttributeError(`${op}: ${noSuch("column", name, [...columns.keys()])}`);
  return column;
}

/** Whether the value in a row is missing. */
export function isMissing({ type, data }: Column, row: number): boolean {
  if (type === "category") return data[row] === -1;
  return type === "text" ? data[row] === undefined : Number.isNaN(data[row]);
}

/** A column without some rows, or with rows in another order. */
export function takeFrom(column: Column, rows: ArrayLike<number>): Column {
  const count = (): number => {
    let missing = 0;
    for (let i = 0; i < rows.length; i++) if (isMissing(column, rows[i]!)) missing++;
    return missing;
  };
  if (column.type === "text") {
    return { ...column, data: Array.from(rows, (row) => column.data[row]), missing: count() };
  }
  const data = new (column.data.constructor as Float32ArrayConstructor)(rows.length);
  for (let i = 0; i < rows.length; i++) data[i] = column.data[rows[i]!]!;
  return { ...column, data, missing: count() } as Column;
}
