import { checkChoice, FormatError, noSuch, optionsOf, refuse } from "../../errors.ts";
import { builderOf, type ColumnBuilder, inferredType } from "../table/builder.ts";
import { type Column, type ColumnType, typeOf } from "../table/column.ts";
import { Table } from "../table/table.ts";
import { checkTexts, checkTypes } from "../table/types.ts";
import { Records } from "./records.ts";

/** How a CSV file is read. */
export interface CsvOptions {
  /** Of the file in error messages, for instance its path. Default "CSV data". */
  readonly name?: string;
  /** Whether the first row has the names of the columns (default), or is data: then the names, in order. */
  readonly header?: true | readonly string[];
  /** Columns to keep, by name, in this order. Default all. */
  readonly columns?: readonly string[];
  /** Types of columns; default none. Those of others are inferred from the first 1,000 rows. */
  readonly types?: Readonly<Record<string, ColumnType>>;
  /** Texts that mean a missing value. Default "", "NA", "N/A", "NaN", "nan", "null", "NULL". */
  readonly missing?: readonly string[];
  /** What separates fields. Default: whichever of , ; tab | is most frequent in the first line. */
  readonly delimiter?: string;
  /** "," for numbers such as 3,14. Default ".". */
  readonly decimal?: "." | ",";
  /** Text at the start of lines to skip, such as "#". Default none. */
  readonly comment?: string;
  /** Of the bytes given to `readCsv`, as TextDecoder knows it. Default "utf-8". */
  readonly encoding?: string;
}

const defaults = {
  name: "CSV data",
  header: undefined,
  columns: undefined,
  types: {} as Readonly<Record<string, ColumnType>>,
  missing: ["", "NA", "N/A", "NaN", "nan", "null", "NULL"] as readonly string[],
  delimiter: undefined,
  decimal: ".",
  comment: undefined,
  encoding: "utf-8",
} as const;

/** Rows by which types are inferred. */
const sampleSize = 1000;

/** A column that is kept. */
interface Kept {
  readonly name: string;
  /** Position in the file. */
  readonly at: number;
  readonly isInferred: boolean;
  builder?: ColumnBuilder;
}

/** Options of the reader's own. */
interface Streaming {
  /** Rows of a table. Default 0: one table for all. */
  readonly rows?: number;
}

/** Builds a table from pieces of text. Keeps the values of columns, but no rows. */
export class CsvReader {
  readonly options: ReturnType<typeof checked>;
  /** Rows since the last cut. */
  rows = 0;
  readonly #records: Records;
  readonly #missing: ReadonlySet<string>;
  #names: readonly string[] | undefined;
  #kept: Kept[] = [];
  /** The first rows, until types are known. */
  #sample: string[][] | undefined = [];
  /** Rows so far, as a spreadsheet counts them. */
  #row = 0;
  /** The row of each record in the sample. */
  #sampleRows: number[] = [];

  constructor(op: string, options: (CsvOptions & Streaming) | undefined, streaming: Streaming = {}) {
    this.options = checked(op, options, streaming);
    this.#missing = new Set(this.options.missing);
    this.#records = new Records(this.options);
    const { header } = this.options;
    if (header && header !== true) this.#begin(header);
  }

  take(piece: string, isLast = false): void {
    for (const record of this.#records.take(piece, isLast)) {
      this.#row++;
      if (record.length === 1 && record[0]!.trim() === "") continue;
      if (!this.#names) this.#begin(record.map((name) => name.trim()));
      else if (this.#sample) this.#collect(record);
      else this.#add(record, this.#row);
    }
  }

  finish(): Table {
    this.take("", true);
    if (!this.#names) this.#fail("is empty, expected a row with the names of the columns");
    this.#infer();
    return new Table(this.#kept.map(({ name, builder }) => [name, builder!.finish()]));
  }

  /** A table of the rows so far. Goes on with the next ones. */
  cut(): Table {
    this.#infer();
    this.rows = 0;
    const columns = this.#kept.map((column): [string, Column] => {
      const built = column.builder!.finish();
      column.builder = builderOf(typeOf(built), this.options, column.isInferred);
      return [column.name, built];
    });
    return new Table(columns);
  }

  #begin(names: readonly string[]): void {
    this.#names = names.map((name, i) => name || `column ${i + 1}`);
    const places = new Map(this.#names.map((name, i) => [name, i]));
    const twice = this.#names.find((name, i) => places.get(name) !== i);
    if (twice !== undefined) {
      this.#fail(`two columns are called ${JSON.stringify(twice)}: rename one, or read it with header: [names]`);
    }
    const { columns = this.#names, types } = this.options;
    for (const name of [...columns, ...Object.keys(types)]) {
      if (!places.has(name)) this.#fail(noSuch("column", name, this.#names));
    }
    this.#kept = columns.map((name) => ({
      name,
      at: places.get(name)!,
      isInferred: !Object.hasOwn(types, name),
    }));
  }

  #collect(record: string[]): void {
    this.#checkLength(record);
    this.#sample!.push(record);
    this.#sampleRows.push(this.#row);
    if (this.#sample!.length === sampleSize) this.#infer();
  }

  /** Chooses types by the sample, and adds its rows. */
  #infer(): void {
    if (!this.#sample) return;
    const [sample, rows] = [this.#sample, this.#sampleRows];
    this.#sample = undefined;
    this.#sampleRows = [];
    for (const column of this.#kept) {
      const { name, at, isInferred } = column;
      const texts = sample.map((record) => this.#present(record[at]!));
      const type = isInferred ? inferredType(texts, this.options) : this.options.types[name]!;
      if (type === "category" && this.options.rows) {
        this.#fail(
          `column ${JSON.stringify(name)} holds categories: list them in types, so that all tables give them the same codes`,
        );
      }
      column.builder = builderOf(type, this.options, isInferred);
    }
    for (const [i, record] of sample.entries()) this.#add(record, rows[i]!);
  }

  #add(record: string[], row: number): void {
    this.#checkLength(record);
    this.rows++;
    for (const { name, at, builder, isInferred } of this.#kept) {
      const expected = builder!.push(this.#present(record[at]!));
      if (expected === undefined) continue;
      const shown = JSON.stringify(record[at]!.length > 60 ? `${record[at]!.slice(0, 60)}…` : record[at]);
      const why = isInferred
        ? `, as in the first ${sampleSize} rows: if it may be otherwise, state its type in types`
        : "";
      this.#fail(`row ${row}, column ${JSON.stringify(name)} is ${shown}, expected ${expected}${why}`);
    }
  }

  /** A field without the spaces around it, or undefined if it is missing. */
  #present(field: string): string | undefined {
    const text = field.trim();
    return this.#missing.has(text) ? undefined : text;
  }

  #checkLength({ length }: string[]): void {
    if (length !== this.#names!.length) {
      this.#fail(`row ${this.#row} has ${length} field${length === 1 ? "" : "s"}, expected ${this.#names!.length}`);
    }
  }

  #fail(fault: string): never {
    throw new FormatError(`${this.options.name}: ${fault}`);
  }
}

function checked(op: string, options: (CsvOptions & Streaming) | undefined, streaming: Streaming) {
  const all = optionsOf(op, options, { ...defaults, ...streaming } as typeof defaults & Required<Streaming>);
  const { header, columns, types, delimiter, decimal, comment } = all;
  if (header !== undefined && header !== true) checkTexts(op, "header", header);
  if (columns !== undefined) checkTexts(op, "columns", columns);
  checkTexts(op, "missing", all.missing);
  checkChoice(op, "decimal", decimal, [".", ","]);
  if (delimiter !== undefined && !(typeof delimiter === "string" && /^[^"\r\n\uFEFF]$/.test(delimiter))) {
    refuse(op, "delimiter", delimiter, "one character, but no quote or line break");
  }
  if (
    comment !== undefined &&
    !(typeof comment === "string" && /^[^"\r\n\s]+$/.test(comment) && comment !== delimiter)
  ) {
    refuse(op, "comment", comment, 'a text such as "#"');
  }
  checkTypes(op, types);
  return all;
}
