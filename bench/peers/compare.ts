import type { Row } from "./rows.ts";

/**
 * Allowed difference: for losses, relative to the larger of 1 and the loss; for kernels, relative to the largest
 * result.
 */
const tolerance = 1e-4;

/**
 * Finds wrong libraries: those whose numbers deviate from what most agree on, position by position.
 * @param numbers of each library that returned any; fewer losses if its steps are slow.
 * @returns the deviation of each wrong library, relative to the agreed value.
 */
export function strays(kind: Row["kind"], numbers: ReadonlyMap<string, readonly number[]>): Map<string, number> {
  const all = [...numbers.values()];
  const length = Math.max(...all.map((list) => list.length));
  // With only two there is no majority: trust the first, tilegrad.
  const agreed = Array.from({ length }, (_, i) => {
    const given = all.flatMap((list) => list[i] ?? []);
    return given.length < 3 ? given[0]! : given.toSorted((a, b) => a - b)[(given.length - 1) >> 1]!;
  });
  const largest = agreed.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  const wrong = new Map<string, number>();
  for (const [library, list] of numbers) {
    const held = kind === "kernel" ? agreed : agreed.slice(0, list.length);
    const off = held.reduce((most, value, i) => {
      const scale = kind === "kernel" ? largest : Math.max(1, Math.abs(value));
      const share = Math.abs(list[i]! - value) / scale;
      return Number.isNaN(share) ? Number.POSITIVE_INFINITY : Math.max(most, share);
    }, 0);
    if (off > tolerance) wrong.set(library, off);
  }
  return wrong;
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}
