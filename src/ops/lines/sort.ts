import { checkLike, checkWhole, optionsOf } from "../../errors.ts";
import { axisOf, checkPositions, type DType } from "../../graph/shape.ts";
import { apply, checkTensors, type Op, type Tensor } from "../../graph/tensor.ts";
import { gatherKernels } from "../../kernels/gather.ts";
import { sortKernels } from "../../kernels/sort.ts";
import { gather } from "../moves/gather.ts";
import { reshape } from "../moves/views.ts";

/** Positions of the first `attrs.kept` elements in sorted order, for each line along `attrs.axis`. */
const argsortOp: Op = {
  name: "argsort",
  kernels: sortKernels,
  infer: ([x], { axis, kept }) => [{ shape: x!.shape.with(axis, kept), dtype: "i32" }],
};

/**
 * Permutes elements along an axis. Each position occurs once, so the gradient is the inverse permutation; that of
 * `gather` adds.
 */
const reorderOp: Op = {
  name: "reorder",
  kernels: gatherKernels,
  infer: ([x]) => [{ shape: x!.shape, dtype: x!.dtype }],
  vjp({ inputs: [, order], attrs: { axis } }, [dy]) {
    return [dy && apply(reorderOp, [dy, argsort(order!, axis)], { axis })];
  },
};

/** Sorted values, and their positions in the input. */
export interface Sorted<D extends DType> {
  readonly values: Tensor<D>;
  readonly indices: Tensor<"i32">;
}

/** In which order to sort. */
export interface SortOptions {
  /** Whether to sort from largest to smallest; default false. */
  readonly descending?: boolean;
}

/**
 * Sorts along an axis. The sort is stable, and NaN counts as larger than all numbers. The gradient of a value goes to
 * its original position. A scalar is returned unchanged.
 * @param axis default the last.
 * @returns values of the shape of x, and their positions, i32.
 */
export function sort<D extends DType>(x: Tensor<D>, axis = -1, options: SortOptions = {}): Sorted<D> {
  const indices = orderOf("sort", x, axis, options);
  if (x.shape.length === 0) return { values: x, indices };
  return { values: apply<D>(reorderOp, [x, indices], { axis: axisOf("sort", axis, x.shape.length) }), indices };
}

/** Positions that sort x along an axis (default the last), like {@link sort}. @returns i32, of the shape of x. */
export const argsort = (x: Tensor, axis = -1, options: SortOptions = {}): Tensor<"i32"> =>
  orderOf("argsort", x, axis, options);

function orderOf(op: string, x: Tensor, axis: number, options: SortOptions): Tensor<"i32"> {
  checkTensors(op, x);
  const { descending } = optionsOf(op, options, { descending: false });
  checkLike(op, "descending", descending, true);
  return first(op, x, axis, undefined, descending);
}

/**
 * The k largest elements along an axis, largest first; equal elements keep their order.
 * @param k from 1 to the size of the axis.
 * @param axis default the last.
 * @param options `largest`: false for the smallest, smallest first; default true.
 * @returns values and their positions (i32), k along the axis.
 */
export function topk<D extends DType>(
  x: Tensor<D>,
  k: number,
  axis = -1,
  options: { readonly largest?: boolean } = {},
): Sorted<D> {
  checkTensors("topk", x);
  const { largest } = optionsOf("topk", options, { largest: true });
  checkLike("topk", "largest", largest, true);
  if (x.shape.length === 0) {
    const { values, indices } = topk(reshape(x, [1]), k, axis, options);
    return { values: reshape(values, []), indices: reshape(indices, []) };
  }
  const indices = first("topk", x, axis, k, largest);
  return { values: gather(x, axisOf("topk", axis, x.shape.length), indices), indices };
}

/** Positions of the first `kept` elements in sorted order; of all by default. */
function first(op: string, x: Tensor, axis: number, kept: number | undefined, descending: boolean): Tensor<"i32"> {
  if (x.shape.length === 0) return reshape(first(op, reshape(x, [1]), axis, kept, descending), []);
  const at = axisOf(op, axis, x.shape.length);
  checkPositions(op, x.shape, [at]);
  const length = x.shape[at]!;
  if (kept !== undefined) checkWhole(op, "k", kept, 1, length);
  return apply(argsortOp, [x], { axis: at, kept: kept ?? length, descending });
}
