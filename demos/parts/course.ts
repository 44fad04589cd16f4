/** Values in a course; then every second one goes. */
const longest = 600;

/** The values of a curve with one more, thinned out when they are many. */
export const grown = (values: readonly number[], next: number): number[] => [
  ...(values.length < longest ? values : values.filter((_, i) => i % 2 === 0)),
  next,
];

/** A curve with gaps where a value is no number. */
export const drawable = (values: readonly number[]): (number | null)[] =>
  values.map((value) => (Number.isFinite(value) ? value : null));
