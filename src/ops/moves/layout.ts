import { sumRule } from "../../../shaders/reduce.wgsl.ts";
import { counted, DTypeError, ShapeError } from "../../errors.ts";
import { type DType, type Shape, sameShape, showShape, sizeOf } from "../../graph/shape.ts";
import { apply, type Node, type Op, type Strided, type Tensor } from "../../graph/tensor.ts";
import { concatKernels } from "../../kernels/concat.ts";
import { padKernels } from "../../kernels/pad.ts";
import { reduceOp } from "../lines/reduceOp.ts";

/*
 * Ops that rearrange elements. The gradient of one is another: slice and pad, expand and sum, concat and slice. Hence
 * they share this file; their public functions, which check arguments, are in views.ts, pad.ts, concat.ts and
 * lines/reduce.ts.
 */

const reshapeOp: Op = {
  name: "reshape",
  infer: ([x], { shape }) => {
    if (sizeOf(shape) !== sizeOf(x!.shape)) {
      throw new ShapeError(
        `reshape: ${showShape(x!.shape)} has ${counted(sizeOf(x!.shape), "element")}, ${showShape(shape)} has ${sizeOf(shape)}`,
      );
    }
    return [{ shape, dtype: x!.dtype }];
  },
  vjp: ({ inputs: [x] }, [dy]) => [dy && reshaped(dy, x!.shape)],
  view: ({ attrs: { shape } }, x) => reshapeView(x, shape),
};

/** x with another shape. */
export const reshaped = <D extends DType>(x: Tensor<D>, shape: Shape): Tensor<D> =>
  sameShape(x.shape, shape) ? x : apply(reshapeOp, [x], { shape: [...shape] });

/** Splits and merges axes if the strides allow it: matches runs of old axes with runs of new axes of equal size. */
function reshapeView<V extends Strided>(x: V, shape: Shape): V | undefined {
  const strides = new Array<number>(shape.length).fill(0);
  const old = x.shape.flatMap((n, axis) => (n === 1 ? [] : [[n, x.strides[axis]!] as const]));
  let axis = 0;
  for (let first = 0; first < old.length; ) {
    // Extend a run of old axes and a run of new axes until both have the same number of elements.
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
    return [dy && permuted(dy, inverse)];
  },
  permuted: ({ inputs: [x], attrs }, axes) =>
    permuted(
      x!,
      axes.map((axis) => attrs["axes"][axis]),
    ),
  view: ({ attrs: { axes } }, x) => ({
    ...x,
    shape: (axes as number[]).map((axis) => x.shape[axis]!),
    strides: (axes as number[]).map((axis) => x.strides[axis]!),
  }),
};

/** Reorders axes: result axis `i` is axis `axes[i]` of x. */
export const permuted = <D extends DType>(x: Tensor<D>, axes: readonly number[]): Tensor<D> =>
  axes.every((axis, i) => axis === i) ? x : apply(permuteOp, [x], { axes: [...axes] });

const expandOp: Op = {
  name: "expand",
  infer: ([x], { shape }) => {
    const from = x!.shape;
    const lead = shape.length - from.length;
    if (lead < 0 || from.some((n, axis) => n !== 1 && n !== shape[axis + lead])) {
      throw new ShapeError(
        `expand: cannot expand ${showShape(from)} to ${showShape(shape)}: only axes of size 1 repeat`,
      );
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

/** Expands axes of size 1 and adds leading axes. */
export const expanded = <D extends DType>(x: Tensor<D>, shape: Shape): Tensor<D> =>
  sameShape(x.shape, shape) ? x : apply(expandOp, [x], { shape: [...shape] });

/** The transpose of `expand`: sums x to `shape`. */
function sumTo(x: Tensor, shape: Shape): Tensor {
  if (sameShape(x.shape, shape)) return x;
  const lead = x.shape.length - shape.length;
  const axes = x.shape.flatMap((n, axis) => (axis < lead || (shape[axis - lead] === 1 && n !== 1) ? [axis] : []));
  return reshaped(summed(x, axes), shape);
}

/** Restores reduced axes with size 1 and expands them to the shape of x. */
export const spread = <D extends DType>(y: Tensor<D>, x: Tensor, axes: readonly number[]): Tensor<D> =>
  expanded(unfolded(y, x, axes), x.shape);

/** Restores reduced axes with size 1. */
export const unfolded = <D extends DType>(y: Tensor<D>, x: Tensor, axes: readonly number[]): Tensor<D> =>
  reshaped(
    y,
    x.shape.map((n, axis) => (axes.includes(axis) ? 1 : n)),
  );

const sumOp = /* @__PURE__ */ reduceOp(sumRule, (dy, _, x, axes) => spread(dy, x, axes));

/** Sum over axes. */
export const summed = <D extends DType>(x: Tensor<D>, axes: readonly number[]): Tensor<D> =>
  axes.length === 0 ? x : apply(sumOp, [x], { axes: [...axes] });

export function sliceView<V extends Strided>({ attrs: { starts, sizes, steps } }: Node, x: V): V {
  const offset = x.strides.reduce((sum, stride, axis) => sum + stride * starts[axis], x.offset);
  return { ...x, shape: sizes, offset, strides: x.strides.map((stride, axis) => stride * steps[axis]) };
}

const sliceOp: Op = {
  name: "slice",
  infer: ([x], { starts, sizes, steps }) => {
    x!.shape.forEach((n, axis) => {
      const last = starts[axis] + (sizes[axis] - 1) * steps[axis];
      if (sizes[axis] < 1 || starts[axis] < 0 || last >= n || last < 0) {
        throw new ShapeError(
          `slice: axis ${axis} of ${showShape(x!.shape)} has no range of ${counted(sizes[axis], "element")} from ${starts[axis]} in steps of ${steps[axis]}`,
        );
      }
    });
    return [{ shape: sizes, dtype: x!.dtype }];
  },
  vjp({ inputs: [x], attrs: { starts, sizes, steps } }, [dy]) {
    if (!dy) return [];
    const forward = reversed(dy, (axis) => steps[axis] < 0);
    const low = x!.shape.map((_, axis) =>
      steps[axis] < 0 ? starts[axis] + (sizes[axis] - 1) * steps[axis] : starts[axis],
    );
    const stride = (steps as number[]).map(Math.abs);
    const high = x!.shape.map((n, axis) => n - low[axis]! - (sizes[axis] - 1) * stride[axis]! - 1);
    return [
      padded(
        forward,
        low,
        high,
        stride.map((step) => step - 1),
      ),
    ];
  },
  view: sliceView,
};

/** Takes `sizes` elements of each axis, from `starts` in steps of `steps`, which may be negative. */
export function sliced<D extends DType>(
  x: Tensor<D>,
  starts: readonly number[],
  sizes: readonly number[],
  steps: readonly number[],
): Tensor<D> {
  const whole = sizes.every((size, axis) => size === x.shape[axis] && steps[axis] === 1);
  return whole ? x : apply(sliceOp, [x], { starts: [...starts], sizes: [...sizes], steps: [...steps] });
}

/** Reverses axes. */
const reversed = <D extends DType>(x: Tensor<D>, isReversed: (axis: number) => boolean): Tensor<D> =>
  sliced(
    x,
    x.shape.map((n, axis) => (isReversed(axis) ? n - 1 : 0)),
    x.shape,
    x.shape.map((_, axis) => (isReversed(axis) ? -1 : 1)),
  );

const padOp: Op = {
  name: "pad",
  infer: ([x], { low, high, interior }) => [
    {
      shape: x!.shape.map((n, axis) => low[axis] + high[axis] + n + (n - 1) * interior[axis]),
      dtype: x!.dtype,
    },
  ],
  vjp({ inputs: [x], attrs: { low, interior } }, [dy]) {
    return [
      dy &&
        sliced(
          dy,
          low,
          x!.shape,
          interior.map((n: number) => n + 1),
        ),
    ];
  },
  plus(a, b) {
    const axis = a.results[0]!.shape.findIndex((_, k) => a.attrs["low"][k] + a.attrs["high"][k] > 0);
    const isPiece = ({ attrs: { low, high, interior, value } }: Node) =>
      value === 0 &&
      interior.every((n: number) => n === 0) &&
      low.every((n: number, k: number) => k === axis || n + high[k] === 0);
    if (!isPiece(a) || !isPiece(b)) return undefined;
    const [first, second] = a.attrs["low"][axis] < b.attrs["low"][axis] ? [a, b] : [b, a];
    const [x, y] = [first.inputs[0]!, second.inputs[0]!];
    if (first.attrs["low"][axis] + x.shape[axis]! !== second.attrs["low"][axis]) return undefined;
    // Rebuild joined pieces together with the next one: a long row of pieces then needs few levels of concat.
    const pieces = (tensor: Tensor): readonly Tensor[] =>
      tensor.node.op.name === "concat" && tensor.node.attrs["axis"] === axis
        ? tensor.node.inputs.flatMap(pieces)
        : [tensor];
    return padded(joined([...pieces(x), ...pieces(y)], axis), first.attrs["low"], second.attrs["high"]);
  },
  kernels: padKernels,
};

/** x with `value` around it and between its elements. */
export function padded<D extends DType>(
  x: Tensor<D>,
  low: readonly number[],
  high: readonly number[],
  interior: readonly number[] = x.shape.map(() => 0),
  value = 0,
): Tensor<D> {
  if ([...low, ...high, ...interior].every((n) => n === 0)) return x;
  return apply(padOp, [x], { low: [...low], high: [...high], interior: [...interior], value });
}

const without = (shape: readonly number[], axis: number) => shape.filter((_, k) => k !== axis);

const concatOp: Op = {
  name: "concat",
  infer(inputs, { axis }) {
    const [first] = inputs;
    for (const input of inputs) {
      if (input.dtype !== first!.dtype)
        throw new DTypeError(`concat: tensors are ${first!.dtype} and ${input.dtype}, expected one dtype`);
      if (!sameShape(without(input.shape, axis), without(first!.shape, axis))) {
        throw new ShapeError(
          `concat: tensors are ${showShape(first!.shape)} and ${showShape(input.shape)}, expected sizes that differ only along axis ${axis}`,
        );
      }
    }
    const along = inputs.reduce((total, input) => total + input.shape[axis]!, 0);
    return [{ shape: first!.shape.map((n, k) => (k === axis ? along : n)), dtype: first!.dtype }];
  },
  vjp({ inputs, attrs: { axis } }, [dy]) {
    let start = 0;
    return inputs.map(({ shape }) => {
      const starts = shape.map((_, k) => (k === axis ? start : 0));
      start += shape[axis]!;
      return (
        dy &&
        sliced(
          dy,
          starts,
          shape,
          shape.map(() => 1),
        )
      );
    });
  },
  permuted: ({ op, inputs, attrs: { axis } }, axes) =>
    apply(
      op,
      inputs.map((input) => permuted(input, axes)),
      { axis: axes.indexOf(axis) },
    ),
  kernels: concatKernels,
};

/** Most inputs of one concat kernel: with the result and the check for NaN, eight bindings. */
const widest = 6;

/** Joins tensors along an axis, in several steps if there are many. */
export function joined<D extends DType>(tensors: readonly Tensor<D>[], axis: number): Tensor<D> {
  if (tensors.length === 1) return tensors[0]!;
  if (tensors.length <= widest) return apply(concatOp, tensors, { axis });
  const parts = Array.from({ length: Math.ceil(tensors.length / widest) }, (_, i) =>
    joined(tensors.slice(i * widest, (i + 1) * widest), axis),
  );
  return joined(parts, axis);
}
