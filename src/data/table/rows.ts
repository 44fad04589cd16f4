import { AttributeError, checkList, checkObject, optionsOf, refuse, show } from "../../errors.ts";
import { builderOf, inferredType } from "./builder.ts";
import type { Column, ColumnType } from "./column.ts";
import { Table } from "./table.ts";
import { checkTypes } from "./types.ts";

/** A row: values by the names of their columns. `null`, `undefined`, NaN and "" are missing. */
export type Row = Readonly<Record<string, string | number | boolean | null | undefined>>;

/** How rows become a table. */
export interface RowsOptions {
  /** Types of columns, such as `encoder.types.x`; default none. Those of others are inferred from all rows. */
  readonly types?: Readonly<Record<string, ColumnType>>;
}

/**
 * A table from objects, such as what a form or an answer in JSON holds. Values are read as the fields of a CSV file are:
 * "12" is a number, `true` the category "true".
 *
 * ```ts
 * const { x } = encoder.apply(tableFromRows([{ age: 31, city: "Rome" }], { types: encoder.types.x }));
 * ```
 *
 * @param rows at least one. The table has the columns of all of them; a row without one of them has a missing value there.
 * @throws AttributeError that names the row, counted from 0, and the column, for a value of another type, and for a
 * column in `types` that no row has.
 */
export function tableFromRows(rows: readonly Row[], options?: RowsOptions): Table {
  const op = "tableFromRows";
  checkList(op, "rows", rows);
  const { types } = optionsOf(op, options, { types: {} as Readonly<Record<string, ColumnType>> });
  checkTypes(op, types);
  if (rows.length === 0) throw new AttributeError(`${op}: rows is [], expected at least one row`);
  for (const [i, row] of rows.entries()) checkObject(op, `rows[${i}]`, row, '{ age: 31, city: "Rome" }');
  const names = new Set(rows.flatMap((row) => Object.keys(row)));
  const lacking = Object.keys(types).find((name) => !names.has(name));
  if (lacking !== undefined) {
    throw new AttributeError(`${op}: no row has "${lacking}", which is in types: where it is not known, write null`);
  }
  const format = { decimal: "." } as const;
  const columns = Array.from(names, (name): [string, Column] => {
    const texts = rows.map((row, i) => textOf(op, row, name, i));
    const stated = Object.hasOwn(types, name) ? types[name] : undefined;
    const builder = builderOf(stated ?? inferredType(texts, format), format, stated === undefined);
    for (const [i, text] of texts.entries()) {
      const expected = builder.push(text);
      if (expected)
        throw new AttributeError(`${op}: row ${i}, "${name}" is ${show(rows[i]![name])}, expected ${expected}`);
    }
    return [name, builder.finish()];
  });
  return new Table(columns);
}

/** A value as a file would write it, or undefined if it is missing. */
function textOf(op: string, row: Row, name: string, i: number): string | undefined {
  const value = Object.hasOwn(row, name) ? row[name] : undefined;
  if (value === null || value === undefined || Number.isNaN(value)) return undefined;
  if (!["string", "number", "boolean"].includes(typeof value) || value === Infinity || value === -Infinity)
    refuse(op, `rows[${i}].${name}`, value, "a text, a finite number, a boolean or null");
  return `${value}`.trim() || undefined;
}
