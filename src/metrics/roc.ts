import { AttributeError, checkNumbers, counted, ShapeError } from "../errors.ts";
import { checkHost } from "./host.ts";

/** Two rates for each threshold, from strict to lax. Point i belongs to "1 where the score is at least thresholds[i]". */
export interface RocCurve {
  /** Of the samples with label 0, the share that is called 1: from 0 to 1. */
  readonly falsePositiveRate: Float64Array;
  /** Of the samples with label 1, the share that is called 1: from 0 to 1. It is the recall of class 1. */
  readonly truePositiveRate: Float64Array;
  /** Falling, from infinity, where nothing is called 1. */
  readonly thresholds: Float64Array;
  /**
   * The area below the curve: the probability that a random sample of class 1 has a higher score than one of class 0,
   * where equal scores count half. 0.5 is guessing, 1 is perfect.
   */
  readonly area: number;
}

/**
 * The receiver operating characteristic of scores for two classes, as scikit-learn's `roc_curve` with
 * `drop_intermediate=False`, and the area of `roc_auc_score`.
 *
 * ```ts
 * const { falsePositiveRate, truePositiveRate, area } = rocCurve(logits, labels);
 * ```
 *
 * @param scores higher for class 1: probabilities, logits, or any other numbers, [n].
 * @param labels 0 or 1, [n], with at least one of each.
 * @throws ShapeError if they differ in length; AttributeError for another label, a score that is NaN, or one class only.
 */
export function rocCurve(scores: ArrayLike<number>, labels: ArrayLike<number>): RocCurve {
  const { positives, negatives } = countsOf(scores, labels);
  const order = Array.from({ length: scores.length }, (_, i) => i).sort((a, b) => scores[b]! - scores[a]!);
  const thresholds = [Number.POSITIVE_INFINITY];
  const falsePositives = [0];
  const truePositives = [0];
  let [wrong, right] = [0, 0];
  let area = 0;
  for (let i = 0; i < order.length; ) {
    const threshold = scores[order[i]!]!;
    const [wrongBefore, rightBefore] = [wrong, right];
    for (; i < order.length && scores[order[i]!] === threshold; i++) {
      if (labels[order[i]!] === 1) right++;
      else wrong++;
    }
    area += ((wrong - wrongBefore) * (right + rightBefore)) / 2;
    thresholds.push(threshold);
    falsePositives.push(wrong);
    truePositives.push(right);
  }
  return {
    falsePositiveRate: Float64Array.from(falsePositives, (count) => count / negatives),
    truePositiveRate: Float64Array.from(truePositives, (count) => count / positives),
    thresholds: Float64Array.from(thresholds),
    area: area / (positives * negatives),
  };
}

function countsOf(scores: ArrayLike<number>, labels: ArrayLike<number>): { positives: number; negatives: number } {
  checkHost("rocCurve", scores, labels);
  checkNumbers("rocCurve", "scores", scores);
  checkNumbers("rocCurve", "labels", labels);
  if (scores.length !== labels.length)
    throw new ShapeError(`rocCurve: ${counted(scores.length, "score")} for ${counted(labels.length, "label")}`);
  let positives = 0;
  for (let i = 0; i < labels.length; i++) {
    if (Number.isNaN(scores[i])) throw new AttributeError(`rocCurve: scores[${i}] is NaN, expected a number`);
    if (labels[i] !== 0 && labels[i] !== 1)
      throw new AttributeError(`rocCurve: labels[${i}] is ${labels[i]}, expected 0 or 1`);
    positives += labels[i]!;
  }
  const negatives = labels.length - positives;
  if (positives === 0 || negatives === 0)
    throw new AttributeError(`rocCurve: no label is ${positives === 0 ? 1 : 0}, expected labels of both classes`);
  return { positives, negatives };
}
