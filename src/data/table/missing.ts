import { AttributeError } from "../../errors.ts";
import type { CategoryColumn, NumberColumn } from "./column.ts";

/** What replaces missing values. */
export type Missing = "refuse" | "mean" | "median" | "mostFrequent";

/** The number, or the code of the category, that replaces a column's missing values. */
export function fillFor(
  op: string,
  name: string,
  column: NumberColumn | CategoryColumn,
  missing: Exclude<Missing, "refuse">,
): number {
  const isPresent = (value: number): boolean => (column.type === "category" ? value >= 0 : !Number.isNaN(value));
  const present = Float64Array.from(column.data).filter(isPresent);
  if (present.length === 0) {
    throw new AttributeError(`${op}: column "${name}" has no value, expected one to fill the missing ones with`);
  }
  if (column.type === "category" || missing === "mostFrequent") return mostFrequent(present);
  return missing === "mean" ? present.reduce((sum, value) => sum + value, 0) / present.length : median(present);
}

function median(values: Float64Array): number {
  const sorted = values.slice().sort();
  const half = sorted.length >> 1;
  return sorted.length % 2 ? sorted[half]! : (sorted[half - 1]! + sorted[half]!) / 2;
}

/** The smallest of the most frequent. */
function mostFrequent(values: Float64Array): number {
  const counts = new Map<number, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  let [best, most] = [Infinity, 0];
  for (const [value, count] of counts)
    if (count > most || (count === most && value < best)) [best, most] = [value, count];
  return best;
}
