import { checkList, checkNumber, ShapeError } from "../errors.ts";
import { axisOf, checkShape, type DType, type Shape, sameShape, showShape, sizeOf } from "../graph/shape.ts";
import { apply, checkTensors, type Node, type Op, type Strided, type Tensor } from "../graph/tensor.ts";
import { pad } from "./pad.ts";
import { sum } from "./sum.ts";

/**
 * Ops that move no data. Each gives its result as strides and an offset over its input's buffer; the kernel that reads the
 * result walks those. Only a reshape of a view that is not row-major costs a copy.
 */

const expandOp: Op = {
  name: "expand",
  infer: ([x], { shape }) => {
    const from = x!.shape;
    const lead = shape.length - from.length;
    if (lead < 0 || from.some((n, axis) => n !== 1 && n !== shape[axis + lead])) {
      throw new ShapeError(`expand: ${showShape(from)} does not stretch to ${showShape(shape)}`);
    }
    return [{ shape, dtype: x!.dtype }];
  },
  vjp: ({ inputs: [x] }, [dy]) => [dy && sumTo(dy, x!.shape)],
  view({ attrs: { shape } }, x) {
    const lead = shape.length - x.shape.length;
    const strides = (shape as Shape).map((_, axis) =>
      axis < lead || x.shape[axis - lead] === 1 ? 0 : x.strides[axis - lead]!,
    );
    return { ...x, shape, strides };
  },
};

/** Stretches axes of size 1, and adds axes in front, as NumPy broadcasting does. The gradient sums over them. */
export function expand<D extends DType>(x: Tensor<D>, shape: Shape): Tensor<D> {
  checkTensors("expand", x);
  return sameShape(x.shape, checkShape("expand", shape)) ? x : apply(expandOp, [x], { shape: [...shape] });
}

/** The transpose of `expand`: sums `x` down to `shape`. */
function sumTo(x: Tensor, shape: Shape): Tensor {
  if (sameShape(x.shape, shape)) return x;
  const lead = x.shape.length - shape.length;
  const axes = x.shape.flatMap((n, axis) => (axis < lead || (shape[axis - lead] === 1 && n !== 1) ? [axis] : []));
  return reshape(axes.length > 0 ? sum(x, axes) : x, shape);
}

const reshapeOp: Op = {
  name: "reshape",
  infer: ([x], { shape }) => {
    if (sizeOf(shape) !== sizeOf(x!.shape)) {
      throw new ShapeError(
        `reshape: ${showShape(x!.shape)} has ${sizeOf(x!.shape)} elements, ${showShape(shape)} has ${sizeOf(shape)}`,
      );
    }
    return [{ shape, dtype: x!.dtype }];
  },
  vjp: ({ inputs: [x] }, [dy]) => [dy && reshape(dy, x!.shape)],
  view: ({ attrs: { shape } }, x) => reshapeView(x, shape),
};

/** The same elements in row-major order under another shape; one size may be −1, and is then inferred. */
export function reshape<D extends DType>(x: Tensor<D>, shape: Shape): Tensor<D> {
  checkTensors("reshape", x);
  const known = checkList("reshape", "shape", shape).reduce((product, n) => (n === -1 ? product : product * n), 1);
  const resolved = shape.map((n) => (n === -1 ? sizeOf(x.shape) / known : n));
  if (shape.filter((n) => n === -1).length > 1) throw new ShapeError(`reshape: ${showShape(shape)} has several −1`);
  if (!resolved.every(Number.isInteger)) {
    throw new ShapeError(`reshape: ${showShape(x.shape)} does not divide into ${showShape(shape)}`);
  }
  return sameShape(x.shape, resolved) ? x : apply(reshapeOp, [x], { shape: resolved });
}

/** Splits and merges axes where the strides allow it: the view's axes and the new ones are matched in runs of equal size. */
function reshapeView<V extends Strided>(x: V, shape: Shape): V | undefined {
  const strides = new Array<number>(shape.length).fill(0);
  const old = x.shape.flatMap((n, axis) => (n === 1 ? [] : [[n, x.strides[axis]!] as const]));
  let axis = 0;
  for (let first = 0; first < old.length; ) {
    // Grow a run of old axes and a run of new ones until both hold equally many elements.
    let last = first + 1;
    let end = axis + 1;
    let have = old[first]![0];
    let want = shape[axis] ?? 1;
    while (have !== want) {
      if (have < want) have *= old[last++]![0];
      else want *= shape[end++]!;
    }
    for (let i = first + 1; i < last; i++) if (old[i - 1]![1] !== old[i]![0] * old[i]![1]) return undefined;
    let stride = old[last - 1]![1];
    for (let i = end - 1; i >= axis; i--) {
      strides[i] = stride;
      stride *= shape[i]!;
    }
    first = last;
    axis = end;
  }
  return { ...x, shape, strides };
}

const permuteOp: Op = {
  name: "permute",
  infer: ([x], { axes }) => [{ shape: (axes as number[]).map((axis) => x!.shape[axis]!), dtype: x!.dtype }],
  vjp({ attrs: { axes } }, [dy]) {
    const inverse = (axes as number[]).map((_, axis) => axes.indexOf(axis));
    return [dy && permute(dy, inverse)];
  },
  permuted: ({ inputs: [x], attrs }, axes) =>
    permute(
      x!,
      axes.map((axis) => attrs["axes"][axis]),
    ),
  view: ({ attrs: { axes } }, x) => ({
    ...x,
    shape: (axes as number[]).map((axis) => x.shape[axis]!),
    strides: (axes as number[]).map((axis) => x.strides[axis]!),
  }),
};

/** Reorders axes: result axis `i` is axis `axes[i]` of `x`. */
export function permute<D extends DType>(x: Tensor<D>, axes: readonly number[]): Tensor<D> {
  checkTensors("permute", x);
  const resolved = checkList("permute", "axes", axes).map((axis) => axisOf("permute", axis, x.shape.length));
  if (resolved.length !== x.shape.length || new Set(resolved).size !== resolved.length) {
    throw new ShapeError(
      `permute: [${axes.join(", ")}] is not an order of the ${x.shape.length} axes of ${showShape(x.shape)}`,
    );
  }
  return resolved.every((axis, i) => axis === i) ? x : apply(permuteOp, [x], { axes: resolved });
}

/** Swaps two axes; by default the last two, a matrix transpose. */
export function transpose<D extends DType>(x: Tensor<D>, a = -2, b = -1): Tensor<D> {
  checkTensors("transpose", x);
  const axes = x.shape.map((_, axis) => axis);
  const [i, j] = [axisOf("transpose", a, axes.length), axisOf("transpose", b, axes.length)];
  [axes[i], axes[j]] = [j, i];
  return permute(x, axes);
}

function sliceView<V extends Strided>({ attrs: { starts, sizes, steps } }: Node, x: V): V {
  const offset = x.strides.reduce((sum, stride, axis) => sum + stride * starts[axis], x.offset);
  return { ...x, shape: sizes, offset, strides: x.strides.map((stride, axis) => stride * steps[axis]) };
}

/** A slice that passes make: without a gradient, which would bring `pad` and its kernel along. */
const partOp: Op = {
  name: "slice",
  infer: ([x], { sizes }) => [{ shape: sizes, dtype: x!.dtype }],
  view: sliceView,
};

/** Element `i` of an axis, which stays, of size 1. For passes: it has no gradient. */
export const part = <D extends DType>(x: Tensor<D>, axis: number, i: number): Tensor<D> =>
  apply(partOp, [x], {
    starts: x.shape.map((_, at) => (at === axis ? i : 0)),
    sizes: x.shape.map((n, at) => (at === axis ? 1 : n)),
    steps: x.shape.map(() => 1),
  });

const sliceOp: Op = {
  name: "slice",
  infer: ([x], { starts, sizes, steps }) => {
    x!.shape.forEach((n, axis) => {
      const last = starts[axis] + (sizes[axis] - 1) * steps[axis];
      if (sizes[axis] < 1 || starts[axis] < 0 || last >= n || last < 0) {
        throw new ShapeError(
          `slice: axis ${axis} of ${showShape(x!.shape)} holds no ${sizes[axis]} elements from ${starts[axis]} by ${steps[axis]}`,
        );
      }
    });
    return [{ shape: sizes, dtype: x!.dtype }];
  },
  vjp({ inputs: [x], attrs: { starts, sizes, steps } }, [dy]) {
    if (!dy) return [];
    const backwards = (steps as number[]).flatMap((step, axis) => (step < 0 ? [axis] : []));
    const forward = backwards.length > 0 ? flip(dy, backwards) : dy;
    const low = x!.shape.map((_, axis) =>
      steps[axis] < 0 ? starts[axis] + (sizes[axis] - 1) * steps[axis] : starts[axis],
    );
    const stride = (steps as number[]).map(Math.abs);
    const high = x!.shape.map((n, axis) => n - low[axis]! - (sizes[axis] - 1) * stride[axis]! - 1);
    return [pad(forward, { low, high, interior: stride.map((step) => step - 1) })];
  },
  view: sliceView,
};

/** `[start, end, step]` along one axis, as Python writes `start:end:step`: negative positions count from the end. */
export type Range = readonly [start?: number, end?: number, step?: number];

/** Takes ranges of axes; axes left out (or `undefined`) are taken whole. Ends beyond the axis are clipped, as in Python. */
export function slice<D extends DType>(x: Tensor<D>, ranges: readonly (Range | undefined)[]): Tensor<D> {
  checkTensors("slice", x);
  if (checkList("slice", "ranges", ranges).length > x.shape.length) {
    throw new ShapeError(`slice: ${ranges.length} ranges for ${x.shape.length} axes of ${showShape(x.shape)}`);
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
  const whole = sizes.every((size, axis) => size === x.shape[axis] && steps[axis] === 1);
  return whole ? x : apply(sliceOp, [x], { starts, sizes, steps });
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

/** Removes axes of size 1: those named, or all. */
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

/** Puts an axis of size 1 at position `axis` of the result. */
export function unsqueeze<D extends DType>(x: Tensor<D>, axis: number): Tensor<D> {
  checkTensors("unsqueeze", x);
  const at = axisOf("unsqueeze", axis, x.shape.length + 1);
  return reshape(x, [...x.shape.slice(0, at), 1, ...x.shape.slice(at)]);
}

/** Merges the axes from `first` on into one. Default 1: everything but the batch. */
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

/** The same value, through which no gradient flows. */
export const detach = <D extends DType>(x: Tensor<D>): Tensor<D> => apply(detachOp, [x]);

const evaluatedOp: Op = {
  name: "evaluated",
  infer: ([x]) => [{ shape: x!.shape, dtype: x!.dtype }],
  vjp: ({ attrs: { layer } }, [dy]) => [dy && evaluated(dy, layer)],
  view: (_, x) => x,
};

/**
 * The same value, with a mark: a layer computed it in evaluation mode by default. Optimizers refuse to train on it: see
 * `checkTraining` in `optim/training.ts`. `simplify` removes the note. @param layer what to call the layer in the error.
 */
export const evaluated = <D extends DType>(x: Tensor<D>, layer: string): Tensor<D> =>
  apply(evaluatedOp, [x], { layer });
