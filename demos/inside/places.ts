export type Shape = readonly number[];
export const sizeOf = (shape: Shape): number => shape.reduce((product, n) => product * n, 1);

/** Row-major strides. */
const stridesOf = (shape: Shape): number[] => {
  const strides = new Array<number>(shape.length).fill(1);
  for (let axis = shape.length - 2; axis >= 0; axis--) strides[axis] = strides[axis + 1]! * shape[axis + 1]!;
  return strides;
};

/** The place of an element along each axis. */
export const placeOf = (index: number, shape: Shape): number[] =>
  stridesOf(shape).map((stride, axis) => Math.floor(index / stride) % shape[axis]!);

export const indexOf = (place: readonly number[], shape: Shape): number =>
  stridesOf(shape).reduce((sum, stride, axis) => sum + stride * place[axis]!, 0);
