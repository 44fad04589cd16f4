/** Bytes as `3.1 MiB`. */
export function bytes(n: number): string {
  if (n < 1024) return `${n} B`;
  const units = ["KiB", "MiB", "GiB"];
  const power = Math.min(units.length, Math.floor(Math.log2(n) / 10));
  return `${short(n / 1024 ** power)} ${units[power - 1]}`;
}

/** Large counts as `12.8 M`. */
export function amount(n: number): string {
  if (n < 1000) return String(n);
  const power = Math.min(4, Math.floor(Math.log10(n) / 3));
  return `${short(n / 1000 ** power)} ${["k", "M", "G", "T"][power - 1]}`;
}

/** Milliseconds as `1.25 ms` or `31 µs`. */
export function time(ms: number): string {
  if (ms === 0) return "0 µs";
  if (ms < 1) return `${short(1000 * ms)} µs`;
  return ms < 1000 ? `${short(ms)} ms` : `${short(ms / 1000)} s`;
}

export const percent = (part: number): string => `${short(100 * part)} %`;

/** Three digits, as far as they matter. */
export const short = (n: number): string =>
  n >= 100 ? String(Math.round(n)) : String(Number(n.toPrecision(3))).replace(/^-/, "−");

/** An element's value. */
export function value(n: number): string {
  if (!Number.isFinite(n)) return Number.isNaN(n) ? "NaN" : n > 0 ? "∞" : "−∞";
  const text = Number.isInteger(n) && Math.abs(n) < 1e6 ? String(n) : String(Number(n.toPrecision(4)));
  return text.replace("-", "−");
}

export const shapeOf = (shape: readonly number[]): string => `[${shape.join(", ")}]`;

/** A kernel's label, cut where it is long. */
export const cut = (text: string, most: number): string => (text.length > most ? `${text.slice(0, most - 1)}…` : text);
