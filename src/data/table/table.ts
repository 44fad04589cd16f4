import { AttributeError, checkList, checkNumbers, ShapeError, show } from "../../errors.ts";
import {
  type CategoryColumn,
  type Column,
  type ColumnType,
  columnOf,
  isMissing,
  kindOf,
  type NumberColumn,
  type TextColumn,
  takeFrom,
  typeOf,
} from "./column.ts";
import { type Encoded, type EncoderOptions, type EncoderSpec, tableEncoder } from "./encoder.ts";

/** Named columns of equal length, as read from a CSV file. Each is one typed array, however many rows there are. */
export class Table {
  /** Number of rows. */
  readonly rows: number;
  /** Columns by name, in the order of the file. */
  readonly columns: ReadonlyMap<string, Column>;

  /** @throws ShapeError for columns of different lengths. */
  constructor(columns: Iterable<readonly [name: string, column: Column]>) {
    this.columns = new Map(columns);
    const [first] = this.columns;
    this.rows = first?.[1].data.length ?? 0;
    for (const [name, { data }] of this.columns) {
      if (data.length !== this.rows) {
        throw new ShapeError(
          `Table: column "${name}" has ${data.length} rows, and "${first![0]}" has ${this.rows}; expected the same number`,
        );
      }
    }
  }

  get names(): string[] {
    return [...this.columns.keys()];
  }

  /**
   * The type of each column, for reading another file of the same kind: `parseCsv(text, { types: table.types })`.
   * Categories are listed, so that their codes stay the same. Plain data that JSON can save.
   */
  get types(): Record<string, ColumnType> {
    return Object.fromEntries([...this.columns].map(([name, column]) => [name, typeOf(column)]));
  }

  /** @throws AttributeError for a name that no column has. */
  column(name: string): Column {
    return columnOf("Table.column", this, name);
  }

  /** A column of numbers. @throws AttributeError if it holds others. */
  numbers(name: string): NumberColumn {
    const column = columnOf("Table.numbers", this, name);
    return column.type === "category" || column.type === "text" ? wrongKind(name, column, "numbers") : column;
  }

  /** A column of categories: codes and names. @throws AttributeError if it holds others. */
  categories(name: string): CategoryColumn {
    const column = columnOf("Table.categories", this, name);
    return column.type === "category" ? column : wrongKind(name, column, "categories");
  }

  /** A column of texts. @throws AttributeError if it holds others. */
  texts(name: string): TextColumn {
    const column = columnOf("Table.texts", this, name);
    return column.type === "text" ? column : wrongKind(name, column, "texts");
  }

  /**
   * A table of some rows, in that order; for instance one of the parts that `randomSplit(table.rows, …)` gives.
   * @throws ShapeError for a row outside 0 … rows−1.
   */
  take(rows: ArrayLike<number>): Table {
    checkNumbers("Table.take", "rows", rows);
    for (let i = 0; i < rows.length; i++) {
      const row = rows[i]!;
      if (!Number.isInteger(row) || row < 0 || row >= this.rows) {
        throw new ShapeError(
          `Table.take: rows[${i}] is ${show(row)}, expected a whole number from 0 to ${this.rows - 1}`,
        );
      }
    }
    return new Table(Array.from(this.columns, ([name, column]) => [name, takeFrom(column, rows)]));
  }

  /**
   * A table of the rows in which no value is missing.
   * @param names columns to look at; default all.
   */
  dropMissing(names: readonly string[] = this.names): Table {
    checkList("Table.dropMissing", "names", names);
    const columns = names.map((name) => columnOf("Table.dropMissing", this, name)).filter(({ missing }) => missing > 0);
    const rows = Array.from({ length: this.rows }, (_, row) => row);
    return this.take(rows.filter((row) => !columns.some((column) => isMissing(column, row))));
  }

  /**
   * Columns as a dataset for training: `tableEncoder(this, spec, options).apply(this)`. It computes means and the like
   * on all rows: for data to validate on, make an encoder from the training rows and apply it to both.
   */
  dataset<S extends EncoderSpec>(spec: S, options?: EncoderOptions): Encoded<S> {
    return tableEncoder(this, spec, options).apply(this);
  }
}

function wrongKind(name: string, column: Column, expected: string): never {
  throw new AttributeError(
    `Table.${expected}: column ${JSON.stringify(name)} holds ${kindOf(column)}, expected ${expected}`,
  );
}
