import { checkList, checkNumber, counted, ShapeError } from "../../errors.ts";
import { axisOf, checkShape, type DType, type Shape, showShape, sizeOf } from "../../graph/shape.ts";
import { apply, checkTensors, type Op, type Tensor } from "../../graph/tensor.ts";
import { expanded, permuted, reshaped, sliced, sliceView } from "./layout.ts";

/**
 * Ops that move no data. Each returns strides and an offset into its input's buffer, which later kernels read through.
 * Only a reshape of a view that is not contiguous may need a copy.
 */

/** Broadcasts to a shape, like NumPy: expands axes of size 1 and adds leading axes. The gradient sums over them. */
export function expand<D extends DType>(x: Tensor<D>, shape: Shape): Tensor<D> {
  checkTensors("expand", x);
  return expanded(x, checkShape("expand", shape));
}

/** The same elements in row-major order with another shape; one size may be −1 and is then inferred. */
export function reshape<D extends DType>(x: Tensor<D>, shape: Shape): Tensor<D> {
  checkTensors("reshape", x);
  const known = checkList("reshape", "shape", shape).reduce((product, n) => (n === -1 ? product : product * n), 1);
  const resolved = shape.map((n) => (n === -1 ? sizeOf(x.shape) / known : n));
  if (shape.filter((n) => n === -1).length > 1) throw new ShapeError(`reshape: ${showShape(shape)} has several −1`);
  if (!resolved.every(Number.isInteger)) {
    throw new ShapeError(`reshape: ${showShape(x.shape)} does not divide into ${showShape(shape)}`);
  }
  return reshaped(x, resolved);
}

/** Reorders axes: result axis `i` is axis `axes[i]` of `x`. */
export function permute<D extends DType>(x: Tensor<D>, axes: readonly number[]): Tensor<D> {
  checkTensors("permute", x);
  const resolved = checkList("permute", "axes", axes).map((axis) => axisOf("permute", axis, x.shape.length));
  if (resolved.length !== x.shape.length || new Set(resolved).size !== resolved.length) {
    throw new ShapeError(`permute: [${axes.join(", ")}] is not an order of the axes of ${showShape(x.shape)}`);
  }
  return permuted(x, resolved);
}

/** Swaps two axes; default the last two, a matrix transpose. */
export function transpose<D extends DType>(x: Tensor<D>, a = -2, b = -1): Tensor<D> {
  checkTensors("transpose", x);
  const axes = x.shape.map((_, axis) => axis);
  const [i, j] = [axisOf("transpose", a, axes.length), axisOf("transpose", b, axes.length)];
  [axes[i], axes[j]] = [j, i];
  return permute(x, axes);
}

/** A slice for use in passes. It has no gradient, which would pull in `pad` and its kernel. */
const partOp: Op = {
  name: "part",
  infer: ([x], { sizes }) => [{ shape: sizes, dtype: x!.dtype }],
  view: sliceView,
};

/** Element `i` of an axis, which is kept with size 1. For passes: it has no gradient. */
export const part = <D extends DType>(x: Tensor<D>, axis: number, i: number): Tensor<D> =>
  apply(partOp, [x], {
    starts: x.shape.map((_, at) => (at === axis ? i : 0)),
    sizes: x.shape.map((n, at) => (at === axis ? 1 : n)),
    steps: x.shape.map(() => 1),
  });

/** `[start, end, step]` along one axis, like Python's `start:end:step`: negative positions count from the end. */
export type Range = readonly [start?: number, end?: number, step?: number];

/**
 * Takes a range of each axis; axes omitted (or `undefined`) are kept whole. Ends beyond an axis are clipped, as in
 * Python.
 */
export function slice<D extends DType>(x: Tensor<D>, ranges: readonly (Range | undefined)[]): Tensor<D> {
  checkTensors("slice", x);
  if (checkList("slice", "ranges", ranges).length > x.shape.length) {
    throw new ShapeError(
      `slice: ${counted(ranges.length, "range")} for ${counted(x.shape.length, "axis", "axes")} of ${showShape(x.shape)}`,
    );
  }
  const starts: number[] = [];
  const sizes: number[] = [];
  const steps: number[] = [];
  x.shape.forEach((n, axis) => {
    const range = ranges[axis];
    const [start, end, step = 1] = range === undefined ? [] : checkList<number | undefined>("slice", "a range", range);
    for (const at of [start, end])
      if (at !== undefined && at !== Number.POSITIVE_INFINITY)
        checkNumber("slice", `a position of axis ${axis}`, at, "a whole number", Number.isInteger);
    if (!Number.isInteger(step) || step === 0)
      throw new ShapeError(`slice: step ${step} of axis ${axis} is not a whole number other than 0`);
    const clip = (at: number, low: number, high: number) => Math.min(Math.max(at < 0 ? at + n : at, low), high);
    const from = start === undefined ? (step > 0 ? 0 : n - 1) : step > 0 ? clip(start, 0, n) : clip(start, -1, n - 1);
    const to = end === undefined ? (step > 0 ? n : -1) : step > 0 ? clip(end, 0, n) : clip(end, -1, n - 1);
    starts.push(from);
    sizes.push(Math.max(0, Math.ceil((to - from) / step)));
    steps.push(step);
  });
  return sliced(x, starts, sizes, steps);
}

/** Reverses axes. */
export function flip<D extends DType>(x: Tensor<D>, axes: number | readonly number[]): Tensor<D> {
  checkTensors("flip", x);
  const flipped = new Set(
    (typeof axes === "number" ? [axes] : checkList("flip", "axes", axes)).map((axis) =>
      axisOf("flip", axis, x.shape.length),
    ),
  );
  return slice(
    x,
    x.shape.map((_, axis) => (flipped.has(axis) ? ([undefined, undefined, -1] as Range) : undefined)),
  );
}

/** Removes axes of size 1: those given, or all. */
export function squeeze<D extends DType>(x: Tensor<D>, axes?: number | readonly number[]): Tensor<D> {
  checkTensors("squeeze", x);
  const named =
    axes === undefined
      ? undefined
      : (typeof axes === "number" ? [axes] : checkList("squeeze", "axes", axes)).map((axis) =>
          axisOf("squeeze", axis, x.shape.length),
        );
  return reshape(
    x,
    x.shape.filter((n, axis) => n !== 1 || (named !== undefined && !named.includes(axis))),
  );
}

/** Inserts an axis of size 1 at position `axis` of the result. */
export function unsqueeze<D extends DType>(x: Tensor<D>, axis: number): Tensor<D> {
  checkTensors("unsqueeze", x);
  const at = axisOf("unsqueeze", axis, x.shape.length + 1);
  return reshape(x, [...x.shape.slice(0, at), 1, ...x.shape.slice(at)]);
}

/** Merges all axes from `first` on. Default 1: everything but the batch. */
export function flatten<D extends DType>(x: Tensor<D>, first = 1): Tensor<D> {
  checkTensors("flatten", x);
  const at = axisOf("flatten", first, x.shape.length + 1);
  return reshape(x, [...x.shape.slice(0, at), sizeOf(x.shape.slice(at))]);
}

const detachOp: Op = {
  name: "detach",
  infer: ([x]) => [{ shape: x!.shape, dtype: x!.dtype }],
  view: (_, x) => x,
};

/** The same value; gradients do not flow through it. */
export const detach = <D extends DType>(x: Tensor<D>): Tensor<D> => apply(detachOp, [x]);

const evaluatedOp: Op = {
  name: "evaluated",
  infer: ([x]) => [{ shape: x!.shape, dtype: x!.dtype }],
  vjp: ({ attrs: { layer } }, [dy]) => [dy && evaluated(dy, layer)],
  view: (_, x) => x,
};

/**
 * The same value, marked as computed by a layer in its default evaluation mode. Optimizers refuse to train on it: see
 * `checkTraining` in `optim/training.ts`. `simplify` removes the mark. @param layer name of the layer in the error.
 */
export const evaluated = <D extends DType>(x: Tensor<D>, layer: string): Tensor<D> =>
  apply(evaluatedOp, [x], { layer });
