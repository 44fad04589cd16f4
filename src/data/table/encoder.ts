import { AttributeError, checkChoice, checkList, checkObject, optionsOf, ShapeError } from "../../errors.ts";
import { minMaxScale, type NormalizerState, standardize } from "../normalize.ts";
import { type Columns, type ColumnType, columnOf, type NumberColumn } from "./column.ts";
import { applyTo, type ColumnState, featuresOf, type OutputState, typeFor } from "./encoded.ts";
import { fillFor, type Missing } from "./missing.ts";

/** How a column becomes features. */
export interface EncoderOptions {
  /**
   * What replaces missing numbers, computed on the table that the encoder is made from. Categories take the most frequent
   * one, whichever is given. Default "refuse": an error that says where they are.
   */
  readonly missing?: Missing;
  /** Add a feature that is 1 where the value was missing, and 0 elsewhere. Default false. */
  readonly indicator?: boolean;
  /** A category as one feature per name, 1 for its own ("oneHot", default), or as its code ("integer"). */
  readonly categories?: "oneHot" | "integer";
  /**
   * What happens to a category that the first table lacks: an error (default), or 0 in all features of its column
   * ("ignore"; only for "oneHot"). As scikit-learn's `handle_unknown`.
   */
  readonly unknown?: "error" | "ignore";
  /** Numbers with mean 0 and deviation 1 ("standard"), from 0 to 1 ("minMax"), or as they are ("none", default). */
  readonly normalize?: "standard" | "minMax" | "none";
}

/** A column with options of its own. */
export interface ColumnChoice extends EncoderOptions {
  readonly column: string;
}

/**
 * Arrays to make: from a list of columns one of shape [n, features], from one column one of shape [n]. Such a single
 * column becomes class codes (Int32Array), or numbers. It takes only its own options; if these make several features, such
 * as `categories: "oneHot"`, the array has the shape [n, features].
 */
export type EncoderSpec = Readonly<Record<string, string | ColumnChoice | readonly (string | ColumnChoice)[]>>;

/** The arrays of a dataset. */
export type Encoded<S extends EncoderSpec> = {
  readonly [K in keyof S]: {
    readonly data: S[K] extends readonly unknown[] ? Float32Array : Float32Array | Int32Array;
    readonly shape: readonly number[];
  };
};

/** Everything an encoder knows, as plain data that JSON can save. */
export type EncoderState = Readonly<Record<string, OutputState>>;

/** Turns tables into datasets, always in the same way. */
export interface TableEncoder<S extends EncoderSpec = EncoderSpec> {
  /** For `encoderFrom`. */
  readonly state: EncoderState;
  /** Names of the features of each array: "age", "island=Dream", "age missing". */
  readonly features: { readonly [K in keyof S]: readonly string[] };
  /**
   * The types of the columns of each array, for reading new rows in the same way, whether or not the target is known:
   * `parseCsv(text, { types: encoder.types.x })`, `tableFromRows(rows, { types: encoder.types.x })`.
   */
  readonly types: { readonly [K in keyof S]: Readonly<Record<string, ColumnType>> };
  /**
   * Encodes a table. An array is left out if the table has none of its columns: for new rows, whose target is not known,
   * `const { x } = encoder.apply(table)`.
   *
   * @throws AttributeError for a column that is missing or of another type, a category that was not in the first table, or
   * a missing value that nothing replaces.
   */
  apply(table: Columns): Encoded<S>;
}

const defaults = {
  missing: "refuse",
  indicator: false,
  categories: "oneHot",
  unknown: "error",
  normalize: "none",
} as const;

/**
 * Fits an encoder to a table: means to fill in, categories, normalisation. Make it from the training rows, and apply it to
 * all, so that nothing of the other rows leaks into the training:
 *
 * ```ts
 * const encoder = tableEncoder(train, { x: ["age", "city"], y: "bought" }, { missing: "median", normalize: "standard" });
 * const [seen, unseen] = [encoder.apply(train), encoder.apply(test)];
 * ```
 *
 * @param spec columns of each array.
 * @param options for all columns in lists. A column may have its own: `{ column: "age", indicator: true }`.
 * @throws AttributeError as `apply`, and for a column without any value; ShapeError for a table without rows.
 */
export function tableEncoder<S extends EncoderSpec>(
  table: Columns,
  spec: S,
  options?: EncoderOptions,
): TableEncoder<S> {
  const op = "tableEncoder";
  checkTable(op, table);
  checkObject(op, "spec", spec, '{ x: ["age", "city"], y: "bought" }');
  if (table.rows === 0) throw new ShapeError(`${op}: the table has no rows, expected at least one`);
  const common = optionsOf(op, options, defaults);
  const outputs = Object.entries(spec).map(([name, given]): [string, OutputState] => {
    const isList = Array.isArray(given);
    const choices = (isList ? given : [given]) as readonly (string | ColumnChoice)[];
    if (choices.length === 0) throw new AttributeError(`${op}: ${name} is [], expected at least one column`);
    return [name, { isList, columns: choices.map((choice) => fitted(op, table, choice, common, isList)) }];
  });
  return encoderOf<S>(Object.fromEntries(outputs));
}

/** An encoder from the `state` of another, for instance one saved with the weights. */
export function encoderFrom<S extends EncoderSpec = EncoderSpec>(state: EncoderState): TableEncoder<S> {
  checkObject("encoderFrom", "state", state, "the state of an encoder");
  for (const [name, output] of Object.entries(state)) {
    checkObject("encoderFrom", name, output, "the state of an array");
    checkList("encoderFrom", `${name}.columns`, output.columns);
  }
  return encoderOf<S>(state);
}

function encoderOf<S extends EncoderSpec>(state: EncoderState): TableEncoder<S> {
  const outputs = Object.entries(state);
  const each = <T>(of: (output: OutputState) => T, some = outputs) =>
    Object.fromEntries(some.map(([name, output]) => [name, of(output)])) as { readonly [K in keyof S]: T };
  return {
    state,
    features: each(({ columns }) => columns.flatMap(featuresOf)),
    types: each(({ columns }) => Object.fromEntries(columns.map((own) => [own.column, typeFor(own)]))),
    apply(table) {
      checkTable("TableEncoder.apply", table);
      const known = outputs.filter(([, { columns }]) => columns.some(({ column }) => table.columns.has(column)));
      return each((output) => applyTo(table, output), known.length > 0 ? known : outputs) as Encoded<S>;
    },
  };
}

function checkTable(op: string, table: Columns): void {
  if (!(Object(table).columns instanceof Map)) throw new AttributeError(`${op}: the first argument is not a table`);
}

/** Computes how a column is encoded from then on. */
function fitted(
  op: string,
  table: Columns,
  choice: string | ColumnChoice,
  common: Required<EncoderOptions>,
  isList: boolean,
): ColumnState {
  if (typeof choice !== "string") checkObject(op, "a column", choice, "its name, or { column: name, … }");
  const { column: name, ...own } = typeof choice === "string" ? { column: choice } : choice;
  const options = optionsOf(op, own, isList ? common : { ...defaults, categories: "integer" });
  checkChoice(op, "missing", options.missing, ["refuse", "mean", "median", "mostFrequent"]);
  checkChoice(op, "categories", options.categories, ["oneHot", "integer"]);
  checkChoice(op, "unknown", options.unknown, ["error", "ignore"]);
  checkChoice(op, "normalize", options.normalize, ["standard", "minMax", "none"]);
  const column = columnOf(op, table, name);
  if (column.type === "text") {
    throw new AttributeError(
      `${op}: column "${name}" holds texts, expected numbers or categories: read it with types: { ${JSON.stringify(name)}: "category" }`,
    );
  }
  const fill = options.missing === "refuse" ? undefined : fillFor(op, name, column, options.missing);
  const shared = { column: name, fill, indicator: options.indicator };
  if (column.type !== "category")
    return { ...shared, kind: "number", type: column.type, ...normalization(column, fill, options) };
  const { categories, unknown } = options;
  if (categories === "integer" && unknown === "ignore") {
    throw new AttributeError(
      `${op}: column "${name}" has unknown "ignore" and categories "integer", expected "oneHot": a code has no value for an unknown one`,
    );
  }
  return { ...shared, kind: "category", categories: column.categories, oneHot: categories === "oneHot", unknown };
}

/** The parameters of `normalize`, computed on the values present and those filled in. */
function normalization(
  column: NumberColumn,
  fill: number | undefined,
  { normalize }: Required<EncoderOptions>,
): { readonly normalizer?: NormalizerState } {
  if (normalize === "none") return {};
  if (fill === undefined && column.missing > 0) return {}; // `apply` refuses the table.
  const data = Float64Array.from(column.data, (value) => (Number.isNaN(value) ? fill! : value));
  const samples = { data, shape: [data.length] };
  return { normalizer: (normalize === "standard" ? standardize(samples) : minMaxScale(samples)).state };
}
