import { ARRAYS, type SafetensorsTensor } from "./dtypes.ts";

/**
 * A row-major tensor of elements that lie elsewhere by strides, in new memory.
 * @param strides elements from one position to the next, for each axis. Every position lies within `data`.
 */
export function strided(
  { dtype, data }: Pick<SafetensorsTensor, "dtype" | "data">,
  shape: readonly number[],
  strides: readonly number[],
  offset = 0,
): SafetensorsTensor {
  const count = shape.reduce((product, n) => product * n, 1);
  const copy = new ARRAYS[dtype](count) as Float32Array;
  const source = data as Float32Array;
  const index = shape.map(() => 0);
  for (let i = 0, from = offset; i < count; i++) {
    copy[i] = source[from]!;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      from += strides[axis]!;
      if (++index[axis]! < shape[axis]!) break;
      from -= strides[axis]! * shape[axis]!;
      index[axis] = 0;
    }
  }
  return { dtype, shape, data: copy } as SafetensorsTensor;
}
