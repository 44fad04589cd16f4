import { AttributeError, show } from "../errors.ts";
import { ConfusionMatrix } from "./confusion.ts";

/**
 * How the scores of the classes become one number:
 * - `macro`: their mean, every class alike, also one without samples (which scores 0);
 * - `weighted`: their mean, weighted by the number of actual samples of each class;
 * - `micro`: the score of all decisions pooled; where each sample has one class it equals the accuracy;
 * - `binary`: the score of class 1 of 2.
 */
export type Average = "macro" | "micro" | "weighted" | "binary";

/** Of some set of decisions: right ones, all that said the class, all that should have. */
interface Decisions {
  readonly right: number;
  readonly predicted: number;
  readonly actual: number;
}

type Score = (decisions: Decisions) => number;

// Nothing to divide by gives 0, as scikit-learn's zero_division=0.
const precisionOf: Score = ({ right, predicted }) => (predicted === 0 ? 0 : right / predicted);
const recallOf: Score = ({ right, actual }) => (actual === 0 ? 0 : right / actual);
const f1Of: Score = ({ right, predicted, actual }) =>
  predicted + actual === 0 ? 0 : (2 * right) / (predicted + actual);

/** A score per class (Float64Array, [numClasses]), or one number when an average is named. */
export interface ClassScore {
  (confusion: ConfusionMatrix): Float64Array;
  (confusion: ConfusionMatrix, average: Average): number;
  (predicted: ArrayLike<number>, actual: ArrayLike<number>, numClasses: number): Float64Array;
  (predicted: ArrayLike<number>, actual: ArrayLike<number>, numClasses: number, average: Average): number;
}

/**
 * Of the samples that were taken for a class, the share that is of it: right / predicted, 0 where none was.
 *
 * `precision(predicted, actual, 10)` gives ten numbers, `precision(predicted, actual, 10, "macro")` one; a
 * `ConfusionMatrix` may stand in the place of the first three. Numbers and averages are those of scikit-learn with all
 * labels named.
 *
 * @throws as `ConfusionMatrix.add`; AttributeError for an unknown average, or "binary" with other than 2 classes.
 */
export const precision: ClassScore = /* @__PURE__ */ score("precision", precisionOf);

/**
 * Of the samples of a class, the share that was found: right / actual, 0 where there is none. Otherwise as `precision`.
 */
export const recall: ClassScore = /* @__PURE__ */ score("recall", recallOf);

/**
 * The harmonic mean of precision and recall, 2·right / (predicted + actual), 0 where that is 0/0. Otherwise as
 * `precision`.
 */
export const f1: ClassScore = /* @__PURE__ */ score("f1", f1Of);

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
      : scored(new ConfusionMatrix(numClasses as number).add(first, second as ArrayLike<number>), average);
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
        throw new AttributeError(`${name}: average "binary" needs 2 classes, there are ${classes.length}`);
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
