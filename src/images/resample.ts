/*
 * Where the pixels of a resized image come from. A triangle as wide as the step between two results, but at least two
 * pixels, weighs the pixels around each result: an average when an image shrinks, bilinear interpolation when it grows.
 * So do PIL's BILINEAR and torchvision's `resize` with antialiasing.
 */

/** How an image fits a size of another shape: cropped, padded, or stretched. */
export type Fit = "cover" | "contain" | "stretch";

/** For each result along one axis: the first pixel it takes, and weights of the pixels from there on. */
export interface Taps {
  /** Weights per result. */
  readonly count: number;
  /** For each result: first pixel, then `count` weights. A first pixel of −1 means: outside of the image. */
  readonly table: Float64Array;
}

/**
 * Taps of both axes.
 * @param from size of the image. @param to size of the result.
 */
export function tapsOf(
  from: { readonly width: number; readonly height: number },
  to: { readonly width: number; readonly height: number },
  fit: Fit,
): { readonly columns: Taps; readonly rows: Taps } {
  const [across, down] = [to.width / from.width, to.height / from.height];
  if (fit === "stretch")
    return { columns: taps(from.width, to.width, across), rows: taps(from.height, to.height, down) };
  const scale = fit === "cover" ? Math.max(across, down) : Math.min(across, down);
  // Padded images end between whole pixels of the result; cropped ones may begin inside a pixel.
  const inside = (size: number): number => Math.max(1, Math.round(size * scale));
  const [width, height] = [inside(from.width), inside(from.height)];
  if (fit === "cover") return { columns: taps(from.width, to.width, scale), rows: taps(from.height, to.height, scale) };
  return {
    columns: taps(from.width, to.width, width / from.width, width),
    rows: taps(from.height, to.height, height / from.height, height),
  };
}

/**
 * Taps of one axis, whose middle stays in the middle.
 * @param from pixels of the image. @param to pixels of the result. @param inside those of them that show the image.
 */
function taps(from: number, to: number, scale: number, inside = to): Taps {
  const reach = Math.max(1, 1 / scale);
  const count = Math.min(from, Math.ceil(2 * reach));
  const table = new Float64Array(to * (1 + count));
  const before = Math.floor((to - inside) / 2);
  const cut = (from - inside / scale) / 2;
  for (let i = 0; i < to; i++) {
    const at = i * (1 + count);
    if (i < before || i >= before + inside) {
      table[at] = -1;
      continue;
    }
    const centre = cut + (i - before + 0.5) / scale;
    const first = Math.max(0, Math.min(from - count, Math.ceil(centre - reach - 0.5)));
    table[at] = first;
    let sum = 0;
    for (let k = 0; k < count; k++) {
      const weight = Math.max(0, 1 - Math.abs(first + k + 0.5 - centre) / reach);
      table[at + 1 + k] = weight;
      sum += weight;
    }
    for (let k = 0; k < count; k++) table[at + 1 + k]! /= sum;
  }
  return { count, table };
}
