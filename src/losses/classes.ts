import { AttributeError, checkNumber, DTypeError, optionsOf, ShapeError } from "../errors.ts";
import { type DType, floats, sameShape, showShape } from "../graph/shape.ts";
import { checkTensor, checkTensors, type Tensor } from "../graph/tensor.ts";
import { mean, sum } from "../ops/lines/reduce.ts";
import { checkLabels, logSoftmax, softmaxCrossEntropy } from "../ops/lines/softmax.ts";
import { oneHot } from "../ops/moves/oneHot.ts";
import { reshape, unsqueeze } from "../ops/moves/views.ts";
import { add, cast, div, gt, maximum, mul, ne, neg, where } from "../ops/pointwise/arithmetic.ts";
import { defaults, type LossOptions, reduced } from "./reduction.ts";

/** How the losses of labels are weighted and averaged. */
export interface ClassOptions extends LossOptions {
  /** A factor for each class, `[C]`; default 1. */
  readonly weight?: Tensor;
  /**
   * A label that means "no target": its row has no loss and no gradient, even if it contains NaN or infinity, and does
   * not count in the mean. The mean over no rows is NaN, as in PyTorch, with gradients of 0. Default none: every label
   * counts, and feeding one outside 0 … C − 1 is an error. PyTorch's default is −100, which costs an extra count of the
   * labels in each step (9 dispatches instead of 8 for 784-128-10). Pass `ignoreIndex: -100` if your labels contain it,
   * above all if they are computed and not fed, since computed labels are not checked. Nothing else differs. A `weight`
   * of 0 is an ordinary factor: it does not hide NaN.
   */
  readonly ignoreIndex?: number;
}

/** As for `nll`, and smoothing of labels. */
export interface CrossEntropyOptions extends ClassOptions {
  /** From 0 (default) to 1: the share of each target that is spread evenly over all classes. */
  readonly labelSmoothing?: number;
}

/**
 * Cross-entropy between logits and labels or probabilities, as `torch.nn.functional.cross_entropy`.
 *
 * For labels y: l = −w[y] log softmax(x)[y], blended by the smoothing with the mean over classes c of −w[c] log
 * softmax(x)[c]. The mean divides by Σ w[y] over the labels that are not ignored, and is NaN if all are. Without
 * weights, smoothing and ignored label it is one fused kernel and one sum. For probabilities t: l = −Σ w[c] t[c] log
 * softmax(x)[c]; the mean divides by the number of rows.
 *
 * @param logits `[N, C, …]`, or `[C]` for a single row; f32 or f16. The losses are f32.
 * @param target labels, i32 `[N, …]` (`[]` for a single row), or probabilities, f32 of the shape of `logits`.
 * @returns `[]`, or the shape of the labels with reduction "none".
 */
export function crossEntropy(logits: Tensor, target: Tensor, given: CrossEntropyOptions = {}): Tensor<"f32"> {
  checkTensors("crossEntropy", logits, target);
  const options = optionsOf("crossEntropy", given, { ...classDefaults, labelSmoothing: 0 });
  const { labelSmoothing: smoothing, weight, ignoreIndex } = options;
  checkNumber("crossEntropy", "labelSmoothing", smoothing, "a number from 0 to 1", (n) => n >= 0 && n <= 1);
  return batched(logits, target, options, (x, y) => {
    checkClasses("crossEntropy", x, options);
    if (floats.includes(y.dtype)) return ofProbabilities(x, y, options);
    checkLabels("crossEntropy", x, y);
    const { factor, kept } = factors(y, options);
    const losses = softmaxCrossEntropy(x, y, ignoreIndex);
    const hard = weight && factor ? mul(losses, factor) : losses;
    if (smoothing === 0) return total("crossEntropy", hard, factor, options);
    // Select rows without a target away before computing with them.
    const wide = cast(x, "f32");
    const present = kept ? where(unsqueeze(kept, 1), wide, 0) : wide;
    const spread = neg(sum(byClass(logSoftmax(present, 1), weight), 1));
    const soft = mul(kept ? where(kept, spread, 0) : spread, smoothing / x.shape[1]!);
    return total("crossEntropy", add(mul(hard, 1 - smoothing), soft), factor, options);
  });
}

/** Applies a rule for `[N, C, …]`, also to a single row `[C]`. */
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
    if (t.shape.length === x.shape.length - 1)
      throw new DTypeError(
        `crossEntropy: labels are ${t.dtype}, expected i32: input(name, ${showShape(t.shape)}, "i32")`,
      );
    throw new ShapeError(
      `crossEntropy: probabilities ${showShape(t.shape)} differ in shape from logits ${showShape(x.shape)}`,
    );
  }
  if (ignoreIndex !== undefined) throw new AttributeError("crossEntropy: probabilities have no label to ignore");
  const smooth = smoothing === 0 ? wide : add(mul(wide, 1 - smoothing), smoothing / x.shape[1]!);
  const share = byClass(smooth, weight);
  const all = logSoftmax(cast(x, "f32"), 1);
  // An impossible class has a score of −∞: where its share is 0, it adds nothing.
  const scores = where(maximum(ne(share, 0), gt(all, -1e30)), all, 0);
  return reduced("crossEntropy", neg(sum(mul(share, scores), 1)), reduction);
}

/** Default options of losses over classes. */
export const classDefaults = { ...defaults, weight: undefined, ignoreIndex: undefined };

export function checkClasses(op: string, x: Tensor, { weight, ignoreIndex }: ClassOptions): void {
  if (ignoreIndex !== undefined) checkNumber(op, "ignoreIndex", ignoreIndex, "a whole number", Number.isInteger);
  if (weight !== undefined) checkTensor(op, "weight", weight);
  if (x.shape.length < 2) throw new ShapeError(`${op}: input ${showShape(x.shape)} has no class axis`);
  if (!weight || sameShape(weight.shape, [x.shape[1]!])) return;
  throw new ShapeError(
    `${op}: weight ${showShape(weight.shape)} does not fit input ${showShape(x.shape)}, expected [${x.shape[1]}]`,
  );
}

/** Multiplies values `[N, C, …]` by a weight per class. */
const byClass = (x: Tensor<"f32">, weight: Tensor | undefined): Tensor<"f32"> =>
  weight ? mul(x, reshape(cast(weight, "f32"), [weight.shape[0]!, ...x.shape.slice(2).map(() => 1)])) : x;

/**
 * `factor` is the weight of each row (f32): its label's weight, 0 where the label is ignored; `undefined` where all
 * count 1. `kept` (i32) is 1 where the label is not ignored; `undefined` where none can be. `safe` are the labels, with
 * ignored ones replaced by a valid class.
 */
export function factors(
  labels: Tensor,
  { weight, ignoreIndex }: ClassOptions,
): { factor?: Tensor<"f32">; kept?: Tensor; safe: Tensor } {
  const kept = ignoreIndex === undefined ? undefined : ne(labels, ignoreIndex);
  const safe = kept ? where(kept, labels, 0) : labels;
  // A sum over classes instead of a gather, so that pages with unweighted losses ship neither kernel.
  const picked = weight && sum(where(oneHot(safe, weight.shape[0]!, "i32"), cast(weight, "f32"), 0), -1);
  const factor = kept ? (picked ? where(kept, picked, 0) : cast(kept, "f32")) : picked;
  return { safe, ...(kept && { kept }), ...(factor && { factor }) };
}

/** Reduces losses; their mean divides by the sum of their factors. */
export function total(
  op: string,
  losses: Tensor<"f32">,
  factor: Tensor<"f32"> | undefined,
  { reduction = "mean" }: LossOptions,
): Tensor<"f32"> {
  if (reduction !== "mean") return reduced(op, losses, reduction);
  return factor ? sum(mul(losses, div(1, sum(factor)))) : mean(losses);
}
