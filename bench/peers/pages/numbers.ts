/*
 * The numbers that all libraries use. They follow from a seed, so pages need not exchange them.
 */

/** Numbers distributed evenly within ±scale: a hash of seed and position. */
export function noise(seed: number, n: number, scale = 1): Float32Array<ArrayBuffer> {
  return Float32Array.from({ length: n }, (_, i) => {
    let bits = Math.imul(i + 1, 0x9e3779b1) ^ Math.imul(seed, 0x85ebca6b);
    bits = Math.imul(bits ^ (bits >>> 16), 0x7feb352d);
    bits = Math.imul(bits ^ (bits >>> 15), 0x846ca68b);
    return (((bits ^ (bits >>> 16)) >>> 0) / 2 ** 31 - 1) * scale;
  });
}

/** Class labels. */
export const labels = (seed: number, n: number, classes: number): Int32Array<ArrayBuffer> =>
  Int32Array.from(noise(seed, n), (value) => Math.floor(((value + 1) / 2) * classes));

export function oneHot(indices: Int32Array, classes: number): Float32Array<ArrayBuffer> {
  const rows = new Float32Array(indices.length * classes);
  indices.forEach((index, row) => {
    rows[row * classes + index] = 1;
  });
  return rows;
}

export interface Values {
  readonly shape: readonly number[];
  readonly values: Float32Array<ArrayBuffer>;
}

/** The values with their axes permuted. */
export function permuted({ shape, values }: Values, order: readonly number[]): Values {
  const strides = shape.map((_, axis) => shape.slice(axis + 1).reduce((product, n) => product * n, 1));
  const next = order.map((axis) => shape[axis]!);
  const moved = values.map((_, position) => {
    let from = 0;
    for (let axis = next.length - 1; axis >= 0; axis--) {
      from += (position % next[axis]!) * strides[order[axis]!]!;
      position = Math.floor(position / next[axis]!);
    }
    return values[from]!;
  });
  return { shape: next, values: moved };
}

/** A transposed matrix: a layer's weight `[out, in]` as `[in, out]`. */
export const transposed = (matrix: Values): Values => permuted(matrix, [1, 0]);
