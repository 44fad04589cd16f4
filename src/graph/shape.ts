import { checkList, checkNumber, counted, DTypeError, ShapeError, show } from "../errors.ts";

/** Sizes of a tensor's axes, outermost first. `[]` is a scalar. */
export type Shape = readonly number[];

/** Element types. Comparisons give `i32` ones and zeros; `f16` needs the adapter's `shader-f16`. */
export type DType = "f32" | "f16" | "i32" | "u32";

/** The dtypes that have gradients. On the host both are a Float32Array. */
export type Float = "f32" | "f16";

/** The same as values. */
export const floats: readonly DType[] = ["f32", "f16"];

/** Bytes of one element. */
export const bytesPer = (dtype: DType): number => (dtype === "f16" ? 2 : 4);

/** Number of elements of a shape: 1 for a scalar. */
export const sizeOf = (shape: Shape): number => shape.reduce((product, n) => product * n, 1);

export const sameShape = (a: Shape, b: Shape): boolean => a.length === b.length && a.every((n, i) => n === b[i]);

/** `[64, 784]`, as error messages show a shape. */
export const showShape = (shape: Shape): string => `[${shape.join(", ")}]`;

/** `[64x784]`, as kernel labels show a shape. */
export const labelShape = (shape: Shape): string => `[${shape.join("x")}]`;

/** Row-major strides in elements: the last axis moves fastest. */
export function rowMajor(shape: Shape): number[] {
  const strides = new Array<number>(shape.length);
  let stride = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    strides[axis] = stride;
    stride *= shape[axis]!;
  }
  return strides;
}

/** Refuses anything but whole positive sizes: tilegrad has no empty tensors. */
export function checkShape(op: string, shape: Shape): Shape {
  checkList(op, "shape", shape).forEach((n, axis) => {
    if (!Number.isInteger(n) || n < 1) {
      throw new ShapeError(`${op}: axis ${axis} of ${show(shape)} is ${show(n)}; sizes are whole numbers from 1`);
    }
  });
  return shape;
}

/** Refuses anything but a dtype. */
export function checkDType(op: string, dtype: DType): void {
  if (!["f32", "f16", "i32", "u32"].includes(dtype))
    throw new DTypeError(`${op}: dtype is ${show(dtype)}, expected "f32", "f16", "i32" or "u32"`);
}

/** Refuses numbers that the dtype cannot hold. f16 accepts those of f32 and clamps them. */
export function checkValue(op: string, name: string, value: number, dtype: DType): number {
  if (floats.includes(dtype))
    return checkNumber(op, name, value, "a finite number that f32 holds", (n) => Number.isFinite(Math.fround(n)));
  return checkNumber(
    op,
    name,
    value,
    `a whole number that ${dtype} holds`,
    (n) => n === (dtype === "i32" ? n | 0 : n >>> 0),
  );
}

/** Resolves an axis; negative ones count from the end, as in PyTorch. */
export function axisOf(op: string, axis: number, rank: number): number {
  const resolved = Number.isInteger(axis) && axis < 0 ? axis + rank : axis;
  if (!(Number.isInteger(axis) && resolved >= 0 && resolved < rank)) {
    throw new ShapeError(`${op}: axis ${show(axis)} does not exist in a tensor of ${counted(rank, "axis", "axes")}`);
  }
  return resolved;
}

/** Axes resolved, in ascending order, without duplicates. `undefined` or an empty list means all. */
export function axesOf(op: string, axes: number | readonly number[] | undefined, rank: number): number[] {
  const given = axes === undefined ? [] : typeof axes === "number" ? [axes] : checkList(op, "axes", axes);
  if (given.length === 0) return Array.from({ length: rank }, (_, axis) => axis);
  const resolved = given.map((axis) => axisOf(op, axis, rank)).sort((a, b) => a - b);
  const twice = resolved.find((axis, i) => axis === resolved[i + 1]);
  if (twice !== undefined) throw new ShapeError(`${op}: axis ${twice} is named twice in [${given.join(", ")}]`);
  return resolved;
}

/** Refuses axes along which a position does not fit an i32. */
export function checkPositions(op: string, shape: Shape, axes: readonly number[]): void {
  const length = axes.reduce((product, axis) => product * shape[axis]!, 1);
  if (length <= 2 ** 31) return;
  const which =
    axes.length === 1
      ? `axis ${axes[0]} of ${showShape(shape)} has`
      : `axes ${axes.join(", ")} of ${showShape(shape)} have`;
  throw new ShapeError(
    `${op}: ${which} ${length} elements; positions are i32, so at most 2³¹ (2147483648) can be told apart`,
  );
}

/** NumPy broadcasting: shapes align at the end, and a size of 1 stretches. */
export function broadcastShapes(op: string, ...shapes: Shape[]): number[] {
  const rank = Math.max(0, ...shapes.map((shape) => shape.length));
  return Array.from({ length: rank }, (_, axis) => {
    let size = 1;
    for (const shape of shapes) {
      const n = shape[axis - rank + shape.length] ?? 1;
      if (n !== 1 && size !== 1 && n !== size) {
        throw new ShapeError(`${op}: shapes do not broadcast: ${shapes.map(showShape).join(" and ")}`);
      }
      if (n !== 1) size = n;
    }
    return size;
  });
}
