import { AttributeError, show } from "../errors.ts";
import { ConfusionMatrix, matrixOf } from "./confusion.ts";

/**
 * How to average the scores of the classes:
 * - `macro`: their plain mean; a class without samples counts too, with a score of 0;
 * - `weighted`: their mean, weighted by the number of actual samples of each class;
 * - `micro`: the score of all decisions pooled; with one class per sample this is the accuracy;
 * - `binary`: the score of class 1 of 2.
 */
export type Average = "macro" | "micro" | "weighted" | "binary";

/** Counts for one class: correct predictions, all predictions, all actual samples. */
interface Decisions {
  readonly right: number;
  readonly predicted: number;
  readonly actual: number;
}

type Score = (decisions: Decisions) => number;

// 0 if the divisor is 0, as with scikit-learn's zero_division=0.
const precisionOf: Score = ({ right, predicted }) => (predicted === 0 ? 0 : right / predicted);
const recallOf: Score = ({ right, actual }) => (actual === 0 ? 0 : right / actual);
const f1Of: Score = ({ right, predicted, actual }) =>
  predicted + actual === 0 ? 0 : (2 * right) / (predicted + actual);

/** A score per class (Float64Array, [numClasses]), or one number if you pass an average. */
export interface ClassScore {
  (confusion: ConfusionMatrix): Float64Array;
  (confusion: ConfusionMatrix, average: Average): number;
  (predicted: ArrayLike<number>, actual: ArrayLike<number>, numClasses: number): Float64Array;
  (predicted: ArrayLike<number>, actual: ArrayLike<number>, numClasses: number, average: Average): number;
}

/**
 * The fraction of predictions of a class that are correct: right / predicted, 0 if there are none.
 *
 * `precision(predicted, actual, 10)` returns ten numbers, `precision(predicted, actual, 10, "macro")` one. A
 * `ConfusionMatrix` can replace the first three arguments. Values and averages match scikit-learn with all labels
 * given.
 *
 * @throws as `ConfusionMatrix.add`; AttributeError for an unknown average, or "binary" with other than 2 classes.
 */
export const precision: ClassScore = /* @__PURE__ */ score("precision", precisionOf);

/** The fraction of a class's samples that were found: right / actual, 0 if there are none. Otherwise as `precision`. */
export const recall: ClassScore = /* @__PURE__ */ score("recall", recallOf);

/**
 * The harmonic mean of precision and recall, 2·right / (predicted + actual), 0 if that is 0/0. Otherwise as
 * `precision`.
 */
export const f1: ClassScore = /* @__PURE__ */ score("f1", f1Of);

/**
 * Intersection over union, also called the Jaccard index: right / (predicted + actual − right), 0 if that is 0/0. For
 * masks, one decision is one pixel. Otherwise as `precision`.
 */
export const iou: ClassScore = /* @__PURE__ */ score("iou", ({ right, predicted, actual }) =>
  predicted + actual === 0 ? 0 : right / (predicted + actual - right),
);

/** The Dice coefficient, 2·right / (predicted + actual): f1 by its name in image segmentation. */
export const dice: ClassScore = /* @__PURE__ */ score("dice", f1Of);

function score(name: string, of: Score): ClassScore {
  const scored = (confusion: ConfusionMatrix, average: Average | undefined): number | Float64Array => {
    const classes = decisions(confusion);
    return average === undefined ? Float64Array.from(classes, of) : averaged(name, classes, of, average);
  };
  const call = (
    first: ConfusionMatrix | ArrayLike<number>,
    second?: ArrayLike<number> | Average,
    numClasses?: number,
    average?: Average,
  ): number | Float64Array =>
    first instanceof ConfusionMatrix
      ? scored(first, second as Average | undefined)
      : scored(matrixOf(name, first, second as ArrayLike<number>, numClasses as number), average);
  return call as ClassScore;
}

function averaged(name: string, classes: readonly Decisions[], of: Score, average: Average): number {
  const sum = (value: (c: Decisions) => number): number => classes.reduce((total, c) => total + value(c), 0);
  const actual = sum((c) => c.actual);
  switch (average) {
    case "macro":
      return sum(of) / classes.length;
    case "weighted":
      return actual === 0 ? 0 : sum((c) => of(c) * c.actual) / actual;
    case "micro":
      return of({ right: sum((c) => c.right), predicted: sum((c) => c.predicted), actual });
    case "binary":
      if (classes.length !== 2) {
        throw new AttributeError(`${name}: average "binary" needs 2 classes, found ${classes.length}`);
      }
      return of(classes[1]!);
    default:
      throw new AttributeError(
        `${name}: average is ${show(average)}, expected "macro", "micro", "weighted" or "binary"`,
      );
  }
}

function decisions(confusion: ConfusionMatrix): Decisions[] {
  const predicted = confusion.predictedCounts();
  return confusion.actualCounts().map((actual, c) => ({ right: confusion.at(c, c), predicted: predicted[c]!, actual }));
}
