import { checkLike } from "../../errors.ts";
import { axesOf, axisOf, checkPositions, type DType } from "../../graph/shape.ts";
import { apply, checkTensors, type Op, type Tensor } from "../../graph/tensor.ts";
import { pickKernels } from "../../kernels/pick.ts";
import { unfolded } from "../moves/layout.ts";
import { expand, reshape } from "../moves/views.ts";
import { eq, where } from "../pointwise/arithmetic.ts";
import { zerosLike } from "../sources/constants.ts";
import { iota } from "../sources/random.ts";
import { sum } from "./reduce.ts";

/** The op for the position (i32) of the largest or smallest element along `attrs.axes`; the first one at a tie. */
const pickOp = (kind: "argmax" | "argmin"): Op => ({
  name: kind,
  infer: ([x], { axes }) => [{ shape: x!.shape.filter((_, axis) => !axes.includes(axis)), dtype: "i32" }],
  kernels: pickKernels(kind),
  describe: ({ attrs: { axes } }) => `{axes: [${axes}]}`,
});
const argmaxOp = /* @__PURE__ */ pickOp("argmax");
const argminOp = /* @__PURE__ */ pickOp("argmin");

/**
 * Position (i32) of the first largest element along an axis, or in the flattened tensor when no axis is given.
 * @param keepdim whether the axis stays, with size 1; default false.
 * @throws ShapeError for more than 2³¹ elements.
 */
export const argmax = (x: Tensor, axis?: number, keepdim = false): Tensor<"i32"> => pick(argmaxOp, x, axis, keepdim);

/**
 * Position (i32) of the first smallest element along an axis, or in the flattened tensor when no axis is given.
 * @param keepdim whether the axis stays, with size 1; default false.
 * @throws ShapeError for more than 2³¹ elements.
 */
export const argmin = (x: Tensor, axis?: number, keepdim = false): Tensor<"i32"> => pick(argminOp, x, axis, keepdim);

function pick(op: Op, x: Tensor, axis: number | undefined, keepdim: boolean): Tensor<"i32"> {
  checkTensors(op.name, x);
  checkLike(op.name, "keepdim", keepdim, true);
  const axes = axesOf(op.name, axis === undefined ? axis : axisOf(op.name, axis, x.shape.length), x.shape.length);
  checkPositions(op.name, x.shape, axes);
  const y = apply<"i32">(op, [x], { axes });
  return keepdim ? unfolded(y, x, axes) : y;
}

/**
 * The largest elements along an axis and their positions. Unlike `max`, the first of tied elements gets the whole
 * gradient.
 * @param keepdim whether the axis stays, with size 1; default false.
 */
export const maxWithIndex = <D extends DType>(x: Tensor<D>, axis: number, keepdim = false) =>
  withIndex("maxWithIndex", argmax, x, axis, keepdim);

/**
 * The smallest elements along an axis and their positions; the first of tied elements gets the whole gradient.
 * @param keepdim whether the axis stays, with size 1; default false.
 */
export const minWithIndex = <D extends DType>(x: Tensor<D>, axis: number, keepdim = false) =>
  withIndex("minWithIndex", argmin, x, axis, keepdim);

function withIndex<D extends DType>(
  op: string,
  find: typeof argmax,
  x: Tensor<D>,
  axis: number,
  keepdim: boolean,
): { values: Tensor<D>; indices: Tensor<"i32"> } {
  checkTensors(op, x);
  checkLike(op, "keepdim", keepdim, true);
  const at = axisOf(op, axis, x.shape.length);
  const indices = find(x, at, true);
  const chosen = eq(iota(x.shape, at), expand(indices, x.shape));
  const values = sum(where(chosen, x, zerosLike(x)), at, keepdim);
  return { values, indices: keepdim ? indices : reshape(indices, values.shape) };
}
