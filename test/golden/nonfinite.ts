import type { GoldenCase, GoldenTensor } from "./cases.ts";

/** The logarithm of the smallest normal f32 is −87.3; an adapter may treat smaller numbers as zero. */
const leastOfLog = 87;
/** Below the largest f32, 3.403e38, by what division may lose. */
const least = 3.4e38;

/**
 * Replaces every number that "Infinities and NaN" in src/README.md allows in place of an infinity by that infinity. All
 * others stay, to be compared as usual.
 */
export function asPromised(
  { op }: GoldenCase,
  wanted: Readonly<Record<string, GoldenTensor>>,
  got: Readonly<Record<string, ArrayLike<number>>>,
): Record<string, ArrayLike<number>> {
  return Object.fromEntries(
    Object.entries(got).map(([role, values]) => {
      const want = wanted[role]!.data;
      const enough = op === "log" && role === "output" ? leastOfLog : least;
      return [role, Array.from(values, (value, i) => standsFor(value, want[i]!, enough))];
    }),
  );
}

const standsFor = (value: number, want: number, enough: number): number =>
  Math.abs(want) === Number.POSITIVE_INFINITY && Math.sign(value) === Math.sign(want) && Math.abs(value) >= enough
    ? want
    : value;
