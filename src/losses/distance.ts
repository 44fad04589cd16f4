import { optionsOf, ShapeError } from "../errors.ts";
import { type DType, sameShape, showShape } from "../graph/shape.ts";
import { checkTensors, type Tensor } from "../graph/tensor.ts";
import { sum } from "../ops/lines/reduce.ts";
import { add, clamp, div, gt, mul, sub, where } from "../ops/pointwise/arithmetic.ts";
import { exp, log, sqrt } from "../ops/pointwise/elementary.ts";
import { finite } from "../ops/pointwise/pointwise.ts";
import { checkSame, defaults, type LossOptions, type Reduction, reduced } from "./reduction.ts";

/*
 * Losses between distributions and between vectors.
 */

/** How `klDiv` is averaged. */
export interface KlDivOptions {
  /**
   * "batchmean" divides the sum by the size of the first axis, which gives the mathematical divergence. Default "mean".
   */
  readonly reduction?: Reduction | "batchmean";
  /** Whether the target holds log-probabilities too; default false. */
  readonly logTarget?: boolean;
}

/**
 * Kullback–Leibler divergence: t(log t − x), and 0 where t = 0, whatever x is; with `logTarget` eᵗ(t − x). As
 * `torch.nn.functional.kl_div`.
 * @param input log-probabilities.
 * @param target probabilities of the same shape.
 */
export function klDiv<A extends DType, B extends DType>(
  input: Tensor<A>,
  target: Tensor<B>,
  options: KlDivOptions = {},
): Tensor<A & B> {
  const { reduction, logTarget } = optionsOf("klDiv", options, { reduction: "mean", logTarget: false });
  checkSame("klDiv", input, target);
  const share = logTarget ? exp(target) : target;
  // Where the target's share is 0, ignore both operands: a log-probability of −∞, and anything computed from it.
  const present = gt(share, 0);
  const own = where(present, logTarget ? target : log(where(present, target, 1)), 0);
  const losses = mul(where(present, share, 0), sub(own, where(present, input, 0)));
  if (reduction !== "batchmean") return reduced("klDiv", losses, reduction);
  return div(sum(losses), target.shape[0] ?? 1);
}

/**
 * 1 − cos for pairs that belong together (target 1), max(0, cos − margin) for others (target −1), where cos is the
 * cosine of the angle between two vectors. As in PyTorch, 1e-12 is added to both squared lengths.
 * @param input1 `[N, D]`, or `[D]` for a single pair.
 * @param input2 of the same shape.
 * @param target `[N]` (`[]` for a single pair), 1 or −1.
 * @param options margin from −1 to 1, default 0.
 */
export function cosineEmbedding<A extends DType, B extends DType>(
  input1: Tensor<A>,
  input2: Tensor<B>,
  target: Tensor,
  options: LossOptions & { margin?: number } = {},
): Tensor<A & B> {
  const { margin, reduction } = optionsOf("cosineEmbedding", options, { margin: 0, ...defaults });
  checkTensors("cosineEmbedding", input1, input2, target);
  checkSame("cosineEmbedding", input1, input2);
  if (input1.shape.length === 0 || !sameShape(target.shape, input1.shape.slice(0, -1))) {
    throw new ShapeError(
      `cosineEmbedding: target ${showShape(target.shape)} does not fit vectors ${showShape(input1.shape)}`,
    );
  }
  const dot = <X extends DType, Y extends DType>(a: Tensor<X>, b: Tensor<Y>) => sum(mul(a, b), -1);
  const lengths = sqrt(mul(add(dot(input1, input1), 1e-12), add(dot(input2, input2), 1e-12)));
  const cosine = div(dot(input1, input2), lengths);
  const apart = clamp(sub(cosine, finite("cosineEmbedding", "margin", margin)), { min: 0 });
  return reduced("cosineEmbedding", where(gt(target, 0), sub(1, cosine), apart), reduction);
}
