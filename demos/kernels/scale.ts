/** Powers of ten that hold all values, a decade at least. */
export function decades(values: readonly number[]): readonly [low: number, high: number] {
  const exponents = values.filter((value) => value > 0 && Number.isFinite(value)).map(Math.log10);
  if (exponents.length === 0) return [-1, 1];
  const [low, high] = [Math.floor(Math.min(...exponents)), Math.ceil(Math.max(...exponents))];
  return [low, Math.max(high, low + 1)];
}

/** Gap between the lines of labels. */
const apart = 14;

/** Moves labels apart, so that they can be read; the dots stay. @param lowest where the last label may be. */
export function placed<T extends { readonly at: number }>(
  dots: readonly T[],
  lowest: number,
): readonly (T & { readonly label: number })[] {
  let last = Number.NEGATIVE_INFINITY;
  const down = dots
    .toSorted((a, b) => a.at - b.at)
    .map((dot) => {
      last = Math.max(dot.at, last + apart);
      return { ...dot, label: last };
    });
  // Half of what was gained downwards is given back, so that labels stay near their dots.
  const half = down.reduce((sum, { at, label }) => sum + label - at, 0) / Math.max(1, down.length) / 2;
  const shift = Math.max(half, last - lowest);
  return down.map((dot) => ({ ...dot, label: dot.label - shift }));
}
