/** Three digits, without an exponent between a thousandth and a million. */
export function digits(value: number): string {
  if (value === 0) return "0";
  if (Math.abs(value) >= 1e6 || Math.abs(value) < 1e-3) return value.toExponential(1);
  return value.toLocaleString("en-US", { maximumSignificantDigits: 3 });
}

/** A time with its unit. */
export function timeOf(ms: number): string {
  if (ms < 1) return `${digits(1000 * ms)} µs`;
  return ms < 1000 ? `${digits(ms)} ms` : `${digits(ms / 1000)} s`;
}

export const percent = (share: number): string => `${digits(100 * share)} %`;

/** Words for what is wrong with a value. */
export const wrongValue = ({ index, got, expected }: { index: number; got: number; expected: number }): string =>
  `y[${index}] is ${got}, expected ${expected}`;
