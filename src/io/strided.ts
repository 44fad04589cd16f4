import { gatherStrided } from "../data/strides.ts";
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
  const copy = new ARRAYS[dtype](count);
  gatherStrided(data, copy as Float32Array, shape, strides, offset);
  return { dtype, shape, data: copy } as SafetensorsTensor;
}
