import { AttributeError, ShapeError, show } from "../errors.ts";
import { type DType, sameShape, showShape } from "../graph/shape.ts";
import { checkTensors, type Tensor } from "../graph/tensor.ts";
import { mean, sum } from "../ops/lines/reduce.ts";

/** How to reduce the losses of all elements: to their mean (always the default), to their sum, or not at all. */
export type Reduction = "mean" | "sum" | "none";

/** How the losses of samples become one number. */
export interface LossOptions {
  /** Default "mean". */
  readonly reduction?: Reduction;
}

/** Options of all losses. */
export const defaults: Required<LossOptions> = { reduction: "mean" };

/** Applies a reduction. @throws AttributeError for an unknown one. */
export function reduced<D extends DType>(op: string, losses: Tensor<D>, reduction: Reduction = "mean"): Tensor<D> {
  switch (reduction) {
    case "mean":
      return mean(losses);
    case "sum":
      return sum(losses);
    case "none":
      return losses;
    default:
      throw new AttributeError(`${op}: reduction is ${show(reduction)}, expected "mean", "sum" or "none"`);
  }
}

/**
 * Refuses a prediction and a target of different shapes. PyTorch broadcasts them with a warning: `[N, 1]` against `[N]`
 * gives `[N, N]`, which is nearly always a mistake.
 */
export function checkSame(op: string, input: Tensor, target: Tensor): void {
  checkTensors(op, input, target);
  if (sameShape(input.shape, target.shape)) return;
  throw new ShapeError(`${op}: input ${showShape(input.shape)} and target ${showShape(target.shape)} differ in shape`);
}
