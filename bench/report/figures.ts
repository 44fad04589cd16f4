import type { Result } from "../measure/result.ts";

/** Where something was measured, in words. */
export const placeOf = ({ place, runtime }: Pick<Result, "place" | "runtime">): string =>
  runtime ?? { node: "Node", chrome: "Chrome", page: "a page" }[place];

/** A number with enough significant digits to compare: 0.123, 12.3, 1235. */
export function figure(value: number): string {
  if (value === 0 || !Number.isFinite(value)) return "–";
  return value.toFixed(Math.max(0, Math.min(4, 2 - Math.floor(Math.log10(Math.abs(value))))));
}

export const percent = (share: number): string => `${figure(100 * share)} %`;

/** The spread of the samples, as a ± value. */
export const spreadOf = ({ spread }: { spread: number | null }): string =>
  spread === null ? "–" : (100 * spread).toFixed(1);
