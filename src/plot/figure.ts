/** A number as a person reads it, with at most `digits` significant digits: 0.0312, 12,345, 3.2e-7. */
export function figure(value: number, digits = 4): string {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? "NaN" : value > 0 ? "∞" : "−∞";
  const size = Math.abs(value);
  const text =
    value !== 0 && (size < 1e-4 || size >= 1e7)
      ? value
          .toExponential(digits - 1)
          .replace(/\.?0+(?=e)/, "")
          .replace("e+", "e")
      : size >= 1e4
        ? value.toLocaleString("en-US", {
            maximumFractionDigits: Math.max(0, digits - String(Math.trunc(size)).length),
          })
        : String(Number(value.toPrecision(digits)));
  return text.replace(/^-/, "−");
}

/** Different numbers, with as many digits as tell them apart, up to nine. */
export function figures(values: readonly number[]): string[] {
  for (let digits = 4; digits <= 9; digits++) {
    const all = values.map((value) => figure(value, digits));
    if (new Set(all).size === all.length) return all;
  }
  return values.map((value) => figure(value));
}
