import { metrics } from "../../src/index.ts";
import { type ReportTable, report } from "../../src/report/index.ts";
import { paint } from "../terminal/format.ts";
import { historyOf } from "./curves.ts";
import { features, type Houses } from "./houses.ts";
import type { Fit, Parts, Regression, Settings } from "./regression.ts";

/** A table for a terminal: the first `words` columns left-aligned, the others right-aligned. */
export function lines({ columns, rows }: ReportTable, words = 1): string {
  const cells = [columns, ...rows].map((row) => row.map(String));
  const widths = columns.map((_, i) => Math.max(...cells.map((row) => row[i]!.length)));
  const line = (row: readonly string[]): string =>
    row.map((cell, i) => (i < words ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!))).join("  ");
  const [heading, ...rest] = cells.map((row) => `  ${line(row).trimEnd()}`);
  return [paint("dim", heading!), ...rest].join("\n");
}

/** The features and their distribution in some rows. */
export function featureTable({ x }: Houses): ReportTable {
  const width = features.length;
  const rows = features.map(({ name, meaning }, f) => {
    const values = Array.from(x.data).filter((_, i) => i % width === f);
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    const deviation = Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length);
    const numbers = [mean, deviation, Math.min(...values), Math.max(...values)];
    return [name, meaning, ...numbers.map((value) => String(Number(value.toPrecision(3))))];
  });
  return { title: "Features", columns: ["feature", "meaning", "mean", "deviation", "least", "most"], rows };
}

/** Errors of predictions, in the unit of the prices; R² is the explained share of the variance. */
export interface Scores {
  readonly rows: number;
  readonly mae: number;
  readonly rmse: number;
  readonly r2: number;
}

const scores = (predicted: ArrayLike<number>, actual: ArrayLike<number>): Scores => ({
  rows: actual.length,
  mae: metrics.mae(predicted, actual),
  rmse: metrics.rmse(predicted, actual),
  r2: metrics.r2(predicted, actual),
});

/** Errors on all three parts, and those of always guessing the mean training price. */
export async function errorTable(regression: Regression, parts: Parts): Promise<ReportTable> {
  const { data } = parts.train.y;
  const mean = data.reduce((sum, price) => sum + price, 0) / data.length;
  const show = (name: string, { rows, mae, rmse, r2 }: Scores): string[] => [
    name,
    String(rows),
    mae.toFixed(3),
    rmse.toFixed(3),
    r2.toFixed(3).replace(/^-(?=0\.0+$)/, ""),
  ];
  const rows: string[][] = [];
  for (const name of ["train", "validation", "test"] as const) {
    const { y } = parts[name];
    rows.push(show(name, scores(await regression.predict(parts[name]), y.data)));
  }
  const guesses = new Float64Array(parts.test.y.data.length).fill(mean);
  rows.push(show("test, by the mean price", scores(guesses, parts.test.y.data)));
  return { title: "Errors in $1000", columns: ["", "rows", "MAE", "RMSE", "R²"], rows };
}

/** Some rows of the test set, from cheapest to most expensive. */
export async function examples(regression: Regression, test: Houses, count = 8): Promise<ReportTable> {
  const predicted = await regression.predict(test);
  const actual = test.y.data;
  const order = [...actual.keys()].sort((a, b) => actual[a]! - actual[b]!);
  const chosen = Array.from({ length: count }, (_, i) => order[Math.round((i * (order.length - 1)) / (count - 1))]!);
  const rows = chosen.map((row) => {
    const [said, is] = [predicted[row]!, actual[row]!];
    const rooms = test.x.data[row * features.length + features.findIndex(({ name }) => name === "rm")]!;
    const error = said - is;
    return [rooms.toFixed(1), is.toFixed(1), said.toFixed(1), (error < 0 ? "−" : "+") + Math.abs(error).toFixed(1)];
  });
  return { title: "Some test rows, in $1000", columns: ["rooms", "price", "predicted", "error"], rows };
}

/** The run as one HTML file. */
export const page = (fit: Fit, settings: Settings, title: string, tables: readonly ReportTable[]): string =>
  report({
    title,
    description: "House prices in Boston, 1970, by census tract. RMSE in $1000.",
    figures: {
      epochs: fit.history.length,
      "kept epoch": fit.best!.epoch,
      "validation RMSE": fit.best!.validation.toFixed(2),
    },
    configuration: { ...settings },
    history: historyOf(fit.history),
    best: fit.best!.epoch,
    tables,
  });
