import { AttributeError, ShapeError } from "../errors.ts";
import { type DType, floats, sameShape, showShape } from "../graph/shape.ts";
import type { Tensor } from "../graph/tensor.ts";
import { add, cast, div, mul, ne, neg, where } from "../ops/arithmetic.ts";
import { oneHot } from "../ops/oneHot.ts";
import { mean } from "../ops/reduce.ts";
import { logSoftmax, softmaxCrossEntropy } from "../ops/softmax.ts";
import { sum } from "../ops/sum.ts";
import { reshape, unsqueeze } from "../ops/views.ts";
import { type LossOptions, reduced } from "./reduction.ts";

export interface ClassOptions extends LossOptions {
  /** A factor for each class, `[C]`. */
  readonly weight?: Tensor;
  /**
   * A label that stands for "no target": it has no loss and no gradient, and does not count in the mean. Default none, so that
   * every label counts and one outside 0 … C − 1 is refused when it is fed. PyTorch's default is −100, which costs a count of the
   * labels in each step; say `ignoreIndex: -100` where labels hold it. The results differ in nothing else.
   */
  readonly ignoreIndex?: number;
}

export interface CrossEntropyOptions extends ClassOptions {
  /** From 0 (default) to 1: how much of each target is spread evenly over all classes. */
  readonly labelSmoothing?: number;
}

/**
 * Cross-entropy between logits and labels or probabilities, as `torch.nn.functional.cross_entropy`.
 *
 * For labels y: l = −w[y] log softmax(x)[y], mixed with the mean over classes c of −w[c] log softmax(x)[c] by the smoothing; the
 * mean divides by Σ w[y] over the labels that are not ignored, and is NaN where all are. Without weights, smoothing and an
 * ignored label it is one fused kernel and one sum. For probabilities t: l = −Σ w[c] t[c] log softmax(x)[c]; the mean divides by
 * the number of lines.
 *
 * @param logits `[N, C, …]`, or `[C]` for a single line; f32 or f16, the losses are f32.
 * @param target labels, i32 `[N, …]` (`[]` for a single line), or probabilities, f32 of the shape of `logits`.
 * @returns `[]`, or the shape of the labels with reduction "none".
 */
export function crossEntropy(logits: Tensor, target: Tensor, options: CrossEntropyOptions = {}): Tensor<"f32"> {
  const { labelSmoothing: smoothing = 0, weight, ignoreIndex } = options;
  if (!(smoothing >= 0 && smoothing <= 1)) {
    throw new AttributeError(`crossEntropy: labelSmoothing is ${smoothing}, expected a number from 0 to 1`);
  }
  return batched(logits, target, options, (x, y) => {
    checkWeight("crossEntropy", x, weight);
    if (floats.includes(y.dtype)) return ofProbabilities(x, y, options);
    const losses = softmaxCrossEntropy(x, y, ignoreIndex);
    const { factor, kept } = factors(y, options);
    const hard = weight && factor ? mul(losses, factor) : losses;
    if (smoothing === 0) return total("crossEntropy", hard, factor, options);
    const spread = neg(sum(byClass(logSoftmax(cast(x, "f32"), 1), weight), 1));
    const soft = mul(kept ? mul(spread, kept) : spread, smoothing / x.shape[1]!);
    return total("crossEntropy", add(mul(hard, 1 - smoothing), soft), factor, options);
  });
}

/** Runs a rule on `[N, C, …]`, also for a single line `[C]`. */
export function batched<D extends DType>(
  x: Tensor<D>,
  target: Tensor,
  { reduction }: LossOptions,
  rule: (x: Tensor<D>, target: Tensor) => Tensor<"f32">,
): Tensor<"f32"> {
  if (x.shape.length !== 1) return rule(x, target);
  const loss = rule(unsqueeze(x, 0), unsqueeze(target, 0));
  return reduction === "none" ? reshape(loss, []) : loss;
}

function ofProbabilities(x: Tensor, t: Tensor, options: CrossEntropyOptions): Tensor<"f32"> {
  const { labelSmoothing: smoothing = 0, weight, reduction, ignoreIndex } = options;
  const wide = cast(t, "f32");
  if (!sameShape(x.shape, t.shape)) {
    throw new ShapeError(`crossEntropy: probabilities ${showShape(t.shape)} do not fit logits ${showShape(x.shape)}`);
  }
  if (ignoreIndex !== undefined) throw new AttributeError("crossEntropy: probabilities have no label to ignore");
  const smooth = smoothing === 0 ? wide : add(mul(wide, 1 - smoothing), smoothing / x.shape[1]!);
  return reduced("crossEntropy", neg(sum(mul(byClass(smooth, weight), logSoftmax(cast(x, "f32"), 1)), 1)), reduction);
}

export function checkWeight(op: string, x: Tensor, weight: Tensor | undefined): void {
  if (x.shape.length < 2) throw new ShapeError(`${op}: input ${showShape(x.shape)} has no axis of classes`);
  if (!weight || sameShape(weight.shape, [x.shape[1]!])) return;
  throw new ShapeError(
    `${op}: weight ${showShape(weight.shape)} does not fit input ${showShape(x.shape)}, expected [${x.shape[1]}]`,
  );
}

/** Values `[N, C, …]` times a weight per class. */
const byClass = (x: Tensor<"f32">, weight: Tensor | undefined): Tensor<"f32"> =>
  weight ? mul(x, reshape(cast(weight, "f32"), [weight.shape[0]!, ...x.shape.slice(2).map(() => 1)])) : x;

/**
 * What each line counts: its label's weight, 0 where the label is ignored; `undefined` where all count 1. `safe` are labels that
 * all name a class.
 */
export function factors(
  labels: Tensor,
  { weight, ignoreIndex }: ClassOptions,
): { factor?: Tensor<"f32">; kept?: Tensor<"f32">; safe: Tensor } {
  const isKept = ignoreIndex === undefined ? undefined : ne(labels, ignoreIndex);
  const kept = isKept && cast(isKept, "f32");
  const safe = isKept ? where(isKept, labels, 0) : labels;
  // A sum over classes where a gather would do: pages whose losses have no weights carry neither of its kernels.
  const picked = weight && sum(mul(oneHot(safe, weight.shape[0]!), cast(weight, "f32")), -1);
  const factor = picked && kept ? mul(picked, kept) : (picked ?? kept);
  return { safe, ...(kept && { kept }), ...(factor && { factor }) };
}

/** The reduction of losses whose mean divides by what they count. */
export function total(
  op: string,
  losses: Tensor<"f32">,
  factor: Tensor<"f32"> | undefined,
  { reduction = "mean" }: LossOptions,
): Tensor<"f32"> {
  if (reduction !== "mean") return reduced(op, losses, reduction);
  return factor ? div(sum(losses), sum(factor)) : mean(losses);
}
