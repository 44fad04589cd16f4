import { checkWhole, optionsOf, ShapeError } from "../errors.ts";
import { sameShape, showShape } from "../graph/shape.ts";
import { checkTensors, type Tensor } from "../graph/tensor.ts";
import { argmax } from "../ops/lines/pick.ts";
import { sum } from "../ops/lines/reduce.ts";
import { checkLabels } from "../ops/lines/softmax.ts";
import { oneHot } from "../ops/moves/oneHot.ts";
import { reshape } from "../ops/moves/views.ts";
import { abs, cast, eq, gt, lt, mul, sub, where } from "../ops/pointwise/arithmetic.ts";

/*
 * Metrics as graphs: each gives a value per sample, whose weighted mean over all samples is the metric. They run on the
 * GPU, in the program that computes the loss.
 */

/** A value for each sample, `[n]`, or several, `[n, …]`, whose mean counts. */
// biome-ignore lint/suspicious/noExplicitAny: predictions and targets are tensors, or records of them
export type PerSample = (prediction: any, target: any) => Tensor;

/** A metric that is a function of means, such as the root of one. */
export interface Metric {
  /** The values whose means are wanted. */
  readonly means: readonly PerSample[];
  /** The metric from the means, on the host. */
  finish(...means: number[]): number;
}

/** The share of samples whose largest score is at the target. @param prediction `[n, C]` @param target labels, i32 `[n]`, or one-hot `[n, C]`. */
export function accuracy(prediction: Tensor, target: Tensor): Tensor<"f32"> {
  checkTensors("accuracy", prediction, target);
  if (prediction.shape.length < 2 || prediction.shape[1] === 1)
    throw new ShapeError(
      `accuracy: prediction is ${showShape(prediction.shape)}, expected [n, classes]: for two classes in one number, use binaryAccuracy`,
    );
  const labels = sameShape(prediction.shape, target.shape) ? argmax(target, 1) : target;
  checkLabels("accuracy", prediction, labels);
  return cast(eq(argmax(prediction, 1), labels), "f32");
}

/** The share of samples whose label is among the k largest scores. Equal scores count as smaller. @param k default 5. */
export function topKAccuracy(k = 5): (prediction: Tensor, target: Tensor) => Tensor<"f32"> {
  checkWhole("topKAccuracy", "k", k);
  return (prediction, target) => {
    checkTensors("topKAccuracy", prediction, target);
    if (prediction.shape.length !== 2)
      throw new ShapeError(`topKAccuracy: prediction is ${showShape(prediction.shape)}, expected [n, classes]`);
    checkLabels("topKAccuracy", prediction, target);
    const own = sum(where(oneHot(target, prediction.shape[1]!, "i32"), prediction, 0), 1, true);
    return cast(lt(sum(gt(prediction, own), 1), k), "f32");
  };
}

/** The share of numbers on the right side of a threshold. Targets are 0 or 1, of the shape of the prediction. @param options threshold: default 0.5, for probabilities; for logits 0. */
export function binaryAccuracy(
  options: { threshold?: number } = {},
): (prediction: Tensor, target: Tensor) => Tensor<"f32"> {
  const { threshold } = optionsOf("binaryAccuracy", options, { threshold: 0.5 });
  return (prediction, target) => {
    checkSame("binaryAccuracy", prediction, target);
    return cast(eq(gt(prediction, threshold), gt(cast(target, "f32"), 0.5)), "f32");
  };
}

/** Mean absolute error. */
export function mae(prediction: Tensor, target: Tensor): Tensor {
  checkSame("mae", prediction, target);
  return abs(sub(prediction, target));
}

/** Mean squared error. */
export function mse(prediction: Tensor, target: Tensor): Tensor {
  checkSame("mse", prediction, target);
  const error = sub(prediction, target);
  return mul(error, error);
}

/** Root of the mean squared error. */
export const rmse: Metric = { means: [mse], finish: Math.sqrt };

function checkSame(op: string, prediction: Tensor, target: Tensor): void {
  checkTensors(op, prediction, target);
  if (!sameShape(prediction.shape, target.shape))
    throw new ShapeError(
      `${op}: prediction ${showShape(prediction.shape)} and target ${showShape(target.shape)} differ in shape`,
    );
}

/** One value for each sample, f32 `[n]`: the mean of a sample's values. `undefined` if the function gave one for all. */
export function perSample(op: string, values: Tensor, n: number): Tensor<"f32"> | undefined {
  checkTensors(op, values);
  const { shape } = values;
  if (shape.length === 0 || (n !== 1 && shape.length === 1 && shape[0] === 1)) return undefined;
  if (shape[0] !== n)
    throw new ShapeError(
      `${op}: its result is ${showShape(shape)}, expected a value for each of ${n} samples, or one for all`,
    );
  const wide = cast(values, "f32");
  if (shape.length === 1) return wide;
  const each = values.size / n;
  return each === 1 ? reshape(wide, [n]) : mul(sum(reshape(wide, [n, each]), 1), 1 / each);
}
