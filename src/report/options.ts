import {
  checkList,
  checkNumber,
  checkNumbers,
  checkObject,
  counted,
  optionsOf,
  refuse,
  ShapeError,
} from "../errors.ts";
import type { Counts } from "../plot/confusion.ts";
import { isHistory, type RunHistory } from "../plot/history.ts";

/** A value of a configuration: plain data, also nested. */
export type Setting =
  | string
  | number
  | boolean
  | null
  | undefined
  | readonly Setting[]
  | { readonly [name: string]: Setting };

/** Images, their classes, and what a network predicts. */
export interface ReportSamples {
  /** [samples, …shape], row-major: bytes, or numbers between the two of `range`. */
  readonly pixels: ArrayLike<number>;
  /** Shape of one image: [height, width] or [channels, height, width], of 1 or 3 channels. */
  readonly shape: readonly number[];
  /** Values that are black and white; default [0, 255] for bytes, else [0, 1]. */
  readonly range?: readonly [black: number, white: number];
  /** True class of each sample. */
  readonly actual: ArrayLike<number>;
  /** Class that the network predicts. */
  readonly predicted: ArrayLike<number>;
  /** The probability of the predicted class, from 0 to 1; then the surest mistakes come first. Default none. */
  readonly confidence?: ArrayLike<number>;
  /** Most misread samples to show; default 24. */
  readonly most?: number;
}

/** A table of your own. */
export interface ReportTable {
  readonly title: string;
  readonly columns: readonly string[];
  readonly rows: readonly (readonly (string | number)[])[];
}

/** What a report shows. */
export interface ReportOptions {
  /** The headline. */
  readonly title: string;
  /** Some lines below it; default none. */
  readonly description?: string;
  /** What the run came to, by name, shown large: `{ "test accuracy": "98.9 %" }`; default none. */
  readonly figures?: Readonly<Record<string, string | number>>;
  /** Settings of the run, also nested; default none. */
  readonly configuration?: Readonly<Record<string, Setting>>;
  /** The history of a fit: a plot for the loss and each metric; default none. */
  readonly history?: RunHistory;
  /** The epoch whose weights were kept; default none. */
  readonly best?: number;
  /** Whether the plot of the loss has a logarithmic axis; default false. */
  readonly log?: boolean;
  /** A `ConfusionMatrix`, or its counts; default none. Precision, recall and F1 of each class follow from it. */
  readonly confusion?: Counts;
  /** Names of the classes; default "0", "1", … */
  readonly labels?: readonly string[];
  /** Images; those that were misread are shown. Default none. */
  readonly samples?: ReportSamples;
  /** Tables of your own, at the end; default none. */
  readonly tables?: readonly ReportTable[];
  /** Language of the words given, for screen readers and hyphenation (BCP 47); default "en". */
  readonly lang?: string;
}

export const op = "report";

/** Checks the options of a report. Plots check those that they draw. */
export function checkReport(options: ReportOptions) {
  const o = optionsOf(op, options, {
    title: "",
    description: "",
    figures: undefined,
    configuration: undefined,
    history: undefined,
    best: undefined,
    log: false,
    confusion: undefined,
    labels: undefined,
    samples: undefined,
    tables: undefined,
    lang: "en",
  });
  if (o.title === "") refuse(op, "title", options?.title, "a headline");
  for (const name of ["figures", "configuration"] as const)
    if (o[name] !== undefined) checkObject(op, name, o[name], "an object");
  for (const [name, value] of Object.entries(o.figures ?? {})) checkWords(`figures["${name}"]`, value);
  if (o.history !== undefined && !isHistory(o.history))
    refuse(op, "history", o.history, "the history of a fit: { epochs: [{ epoch, loss, … }] }");
  if (o.best !== undefined) checkNumber(op, "best", o.best, "an epoch");
  if (o.tables !== undefined) checkList(op, "tables", o.tables).forEach(checkTable);
  return o;
}

const checkWords = (name: string, value: unknown): unknown =>
  typeof value === "string" || typeof value === "number" ? value : refuse(op, name, value, "a string or a number");

function checkTable(table: ReportTable, i: number): void {
  const name = `tables[${i}]`;
  const { title, columns, rows } = optionsOf(`${op}: ${name}`, table, {
    title: "",
    columns: undefined,
    rows: undefined,
  });
  if (title === "") refuse(op, `${name}.title`, table?.title, "a headline");
  checkList(op, `${name}.columns`, columns).forEach((column, c) => checkWords(`${name}.columns[${c}]`, column));
  for (const [r, row] of checkList(op, `${name}.rows`, rows).entries()) {
    checkList(op, `${name}.rows[${r}]`, row).forEach((cell, c) => checkWords(`${name}.rows[${r}][${c}]`, cell));
    if (row.length !== columns.length)
      throw new ShapeError(
        `${op}: ${name}.rows[${r}] has ${counted(row.length, "cell")} for ${counted(columns.length, "column")}`,
      );
  }
}

/** Checks samples. Their pixels are checked where they are drawn. */
export function checkSamples(samples: ReportSamples) {
  const o = optionsOf(`${op}: samples`, samples, {
    pixels: undefined,
    shape: undefined,
    range: undefined,
    actual: undefined,
    predicted: undefined,
    confidence: undefined,
    most: 24,
  });
  const lists = { actual: o.actual, predicted: o.predicted, ...(o.confidence && { confidence: o.confidence }) };
  for (const [name, list] of Object.entries(lists)) {
    checkNumbers(op, `samples.${name}`, list);
    if (list.length !== o.actual.length)
      throw new ShapeError(
        `${op}: samples.${name} has ${counted(list.length, "value")} for ${counted(o.actual.length, "sample")}`,
      );
  }
  return o;
}
