import { ascending } from "d3-array";
import { AttributeError, checkLike, checkNumbers, checkObject, counted, ShapeError, show } from "../errors.ts";
import { type Curves, curvesOf, isHistory } from "./history.ts";

/** A named line. Values that are not finite are gaps. */
export interface Line {
  readonly name: string;
  readonly x: ArrayLike<number>;
  readonly y: ArrayLike<number>;
}

/** The least and the largest of the values that pass; `undefined` if none does. */
export function rangeOf(
  lists: readonly ArrayLike<number>[],
  passes: (value: number) => boolean = isShown,
): [low: number, high: number] | undefined {
  let [low, high] = [Infinity, -Infinity];
  for (const list of lists) {
    for (let i = 0; i < list.length; i++) {
      const value = list[i]!;
      if (!passes(value)) continue;
      if (value < low) low = value;
      if (value > high) high = value;
    }
  }
  return low <= high ? [low, high] : undefined;
}

/** Whether an axis has a place for the value. Differences of larger ones would not be finite. */
export const isShown = (value: number): boolean => Math.abs(value) <= 1e300;

/** Whether a logarithmic axis has a place for the value. Powers of ten below smaller ones would be 0. */
export const isShownByLog = (value: number): boolean => value >= 1e-300 && value <= 1e300;

export interface LineOptions {
  readonly x: ArrayLike<number> | undefined;
  /** Of a history; "" for the loss. */
  readonly metric: string;
  readonly yLabel: string | undefined;
}

/** What to draw, and titles that follow from it. */
export interface Lines {
  readonly lines: readonly Line[];
  /** Whether all positions are whole numbers. */
  readonly isWhole: boolean;
  readonly yLabel: string;
}

/**
 * Curves or a history as lines, after a check.
 * @param x positions of all values; default the epochs: 1, 2, 3, …
 * @param metric of a history; default "loss".
 * @throws AttributeError for anything but numbers by name, for positions that do not ascend, or for a metric that a
 * history lacks.
 * @throws ShapeError if there are more values than positions.
 */
export function linesOf(op: string, given: unknown, options: LineOptions): Lines {
  const { x, metric, yLabel } = options;
  if (yLabel !== undefined) checkLike(op, "yLabel", yLabel, "text");
  const isWhole = x === undefined;
  if (isHistory(given)) {
    const of = curvesOf(op, given, metric || "loss");
    return { lines: checkedLines(op, of.curves, x ?? of.x), isWhole, yLabel: yLabel ?? (metric || "loss") };
  }
  checkObject(op, "the first argument", given, "curves by name, { training: [numbers], … }, or the history of a fit");
  if (metric) throw new AttributeError(`${op}: metric is "${metric}", expected a history as the first argument`);
  return { lines: checkedLines(op, given as Curves, x), isWhole, yLabel: yLabel ?? "" };
}

function checkedLines(op: string, curves: Curves, x: ArrayLike<number> | undefined): Line[] {
  if (x !== undefined) {
    checkNumbers(op, "x", x);
    for (let i = 0; i < x.length; i++) {
      const isUsual = typeof x[i] === "number" && isShown(x[i]!) && (i === 0 || x[i - 1]! <= x[i]!);
      if (!isUsual) throw new AttributeError(`${op}: x[${i}] is ${show(x[i])}, expected finite numbers that ascend`);
    }
  }
  return Object.entries(curves).map(([name, y]) => {
    checkNumbers(op, `curve "${name}"`, y);
    for (let i = 0; i < y.length; i++)
      if (typeof y[i] !== "number")
        throw new AttributeError(`${op}: curve "${name}"[${i}] is ${show(y[i])}, expected a number`);
    if (x && y.length > x.length)
      throw new ShapeError(`${op}: curve "${name}" has ${counted(y.length, "value")} for ${x.length} positions x`);
    return { name, x: x ?? Float64Array.from({ length: y.length }, (_, i) => i + 1), y };
  });
}

/**
 * Thins a line until a picture of it is the same: per column of pixels it keeps the first, the least, the largest and
 * the last point (M4: U. Jugel et al., "M4: a visualization-oriented time series data aggregation", 2014). A gap
 * narrower than a column vanishes.
 * @param columnOf the column of a position. It must ascend.
 * @param passes whether a value is shown; others are gaps.
 * @returns indices, ascending. Each run of gaps is one index.
 */
export function thinned(
  { x, y }: Line,
  columnOf: (x: number) => number,
  passes: (value: number) => boolean = isShown,
): number[] {
  const kept: number[] = [];
  for (let from = 0, to = 0; from < y.length; from = to) {
    const column = columnOf(x[from]!);
    const marks: number[] = [];
    let [first, least, most, last] = [-1, -1, -1, -1];
    for (to = from; to < y.length && columnOf(x[to]!) === column; to++) {
      if (!passes(y[to]!)) continue;
      if (first < 0) first = least = most = to;
      if (y[to]! < y[least]!) least = to;
      if (y[to]! > y[most]!) most = to;
      last = to;
    }
    if (to - from <= 4) for (let i = from; i < to; i++) marks.push(i);
    else if (first < 0) marks.push(from);
    else marks.push(...new Set([first, least, most, last].sort(ascending)));
    kept.push(...marks);
  }
  return kept;
}
