import { checkLike } from "../errors.ts";
import { axesOf, type DType } from "../graph/shape.ts";
import { checkTensors, type Tensor } from "../graph/tensor.ts";
import { summed, unfolded } from "./layout.ts";

/** Axes to reduce: one, several, or all by default. */
export type Axes = number | readonly number[] | undefined;

/** Checks the arguments of a reduction. */
export function checkFold(op: string, x: Tensor, keepdim: boolean): void {
  checkTensors(op, x);
  checkLike(op, "keepdim", keepdim, true);
}

/** Sum over axes (all by default). @param keepdim keeps reduced axes with size 1; default false. */
export function sum<D extends DType>(x: Tensor<D>, axes?: Axes, keepdim = false): Tensor<D> {
  checkFold("sum", x, keepdim);
  const folded = axesOf("sum", axes, x.shape.length);
  const y = summed(x, folded);
  return keepdim ? unfolded(y, x, folded) : y;
}
