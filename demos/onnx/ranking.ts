import { type Shape, sizeOf } from "../../src/graph/shape.ts";

/** Bars at most. */
export const most = 10;

/** A number of a row, and its place there. */
export interface Ranked {
  readonly index: number;
  readonly value: number;
}

/** How a result is read: as rows along its last axis with more than one place. */
export interface Rows {
  readonly count: number;
  readonly length: number;
}

export function rowsOf(shape: Shape): Rows {
  const length = shape.findLast((size) => size > 1) ?? 1;
  return { count: sizeOf(shape) / length, length };
}

/** The largest numbers of a row, from the largest on. What is not a number comes last. */
export function largest(row: ArrayLike<number>): readonly Ranked[] {
  const found: Ranked[] = [];
  for (let index = 0; index < row.length; index++) {
    const value = row[index]!;
    if (found.length === most && !(worth(value) > worth(found.at(-1)!.value))) continue;
    const after = found.findIndex((other) => worth(value) > worth(other.value));
    found.splice(after < 0 ? found.length : after, 0, { index, value });
    if (found.length > most) found.pop();
  }
  return found;
}

const worth = (value: number): number => (Number.isNaN(value) ? Number.NEGATIVE_INFINITY : value);

/** Probabilities, if the numbers of a row are logits. */
export function softmax(row: ArrayLike<number>): Float64Array {
  const values = Float64Array.from(row);
  const highest = values.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
  const powers = values.map((value) => Math.exp(value - highest));
  const sum = powers.reduce((a, b) => a + b, 0);
  return powers.map((power) => power / sum);
}

/** Where a bar starts and ends, in shares of its track: all bars of a list share one zero. */
export function barOf(value: number, all: readonly number[]): readonly [from: number, to: number] {
  const finite = all.filter(Number.isFinite);
  const [low, high] = [Math.min(0, ...finite), Math.max(0, ...finite)];
  const place = (x: number): number => (high === low ? 0 : (Math.min(high, Math.max(low, x)) - low) / (high - low));
  const [zero, end] = [place(0), place(Number.isNaN(value) ? 0 : value)];
  return [Math.min(zero, end), Math.max(zero, end)];
}

/** Names for the numbers of a row: a list of as many texts in the metadata of a model. */
export function namesIn(
  metadata: readonly (readonly [string, string])[],
  count: number,
): readonly string[] | undefined {
  for (const [, text] of metadata) {
    const list = listIn(text);
    if (list?.length === count) return list;
  }
  return undefined;
}

function listIn(text: string): readonly string[] | undefined {
  try {
    const found: unknown = JSON.parse(text);
    return Array.isArray(found) && found.every((name) => typeof name === "string") ? found : undefined;
  } catch {
    return undefined;
  }
}

/** A number as a reader wants it: whole ones whole, others with five digits. */
export const shown = (value: number): string =>
  (Number.isInteger(value) ? String(value) : String(Number(value.toPrecision(5)))).replace("-", "−");
