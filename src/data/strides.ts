/**
 * Puts elements that lie by strides into row-major order.
 * @param strides elements from one position to the next, for each axis. Every position lies within `from`.
 */
export function gatherStrided(
  from: ArrayLike<unknown>,
  into: { [i: number]: unknown; readonly length: number },
  shape: readonly number[],
  strides: readonly number[],
  offset = 0,
): void {
  const index = shape.map(() => 0);
  for (let to = 0, at = offset; to < into.length; to++) {
    into[to] = from[at];
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      at += strides[axis]!;
      if (++index[axis]! < shape[axis]!) break;
      at -= strides[axis]! * shape[axis]!;
      index[axis] = 0;
    }
  }
}
