import { checkLike } from "../errors.ts";
import { axesOf, type DType } from "../graph/shape.ts";
import { apply, checkTensors, type Tensor } from "../graph/tensor.ts";
import { reduceOp } from "./reduction.ts";
import { expand, reshape } from "./views.ts";

/** Axes to fold: one, several, or all of them when left out. */
export type Axes = number | readonly number[] | undefined;

/** Puts folded axes back as size 1. */
export const unfolded = <D extends DType>(y: Tensor<D>, x: Tensor, axes: readonly number[]): Tensor<D> =>
  reshape(
    y,
    x.shape.map((n, axis) => (axes.includes(axis) ? 1 : n)),
  );

/** Puts folded axes back, and stretches them to the shape of `x`. */
export const spread = <D extends DType>(y: Tensor<D>, x: Tensor, axes: readonly number[]): Tensor<D> =>
  expand(unfolded(y, x, axes), x.shape);

/** Refuses what does not fold. */
export function checkFold(op: string, x: Tensor, keepdim: boolean): void {
  checkTensors(op, x);
  checkLike(op, "keepdim", keepdim, true);
}

const sumOp = /* @__PURE__ */ reduceOp("sum", (dy, _, x, axes) => spread(dy, x, axes));

/** Sum over axes (all by default). @param keepdim keeps folded axes with size 1; default false. */
export function sum<D extends DType>(x: Tensor<D>, axes?: Axes, keepdim = false): Tensor<D> {
  checkFold("sum", x, keepdim);
  const folded = axesOf("sum", axes, x.shape.length);
  const y = folded.length === 0 ? x : apply<D>(sumOp, [x], { axes: folded });
  return keepdim ? unfolded(y, x, folded) : y;
}
