import { AttributeError, checkNumbers, checkWhole, counted, refuse, ShapeError, show } from "../errors.ts";
import { checkHost } from "./host.ts";

/**
 * Counts predicted classes per actual class, over any number of batches.
 *
 * ```ts
 * const confusion = new ConfusionMatrix(10);
 * for (const batch of test) confusion.add(await predict(batch), batch.y);
 * confusion.accuracy();
 * ```
 */
export class ConfusionMatrix {
  readonly numClasses: number;
  /** [numClasses, numClasses], row-major: row = actual class, column = predicted class (as in scikit-learn). */
  readonly counts: Int32Array;

  /** @throws AttributeError if numClasses is not an integer of at least 1. */
  constructor(numClasses: number) {
    checkWhole("ConfusionMatrix", "numClasses", numClasses);
    this.numClasses = numClasses;
    this.counts = new Int32Array(numClasses * numClasses);
  }

  /**
   * Adds one batch. If it throws, it adds nothing.
   *
   * @param predicted predicted class of each sample, [n].
   * @param actual true class of each sample, [n].
   * @throws ShapeError if they differ in length; AttributeError for a class outside 0 … numClasses−1, with its
   * position.
   */
  add(predicted: ArrayLike<number>, actual: ArrayLike<number>): this {
    checkPair("ConfusionMatrix.add", predicted, actual, this.numClasses);
    for (let i = 0; i < actual.length; i++) {
      const cell = actual[i]! * this.numClasses + predicted[i]!;
      this.counts[cell] = this.counts[cell]! + 1;
    }
    return this;
  }

  /** Resets the counts to zero, for the next epoch. */
  reset(): void {
    this.counts.fill(0);
  }

  /** Number of samples of class `actual` that were predicted as `predicted`. */
  at(actual: number, predicted: number): number {
    for (const [name, value] of Object.entries({ actual, predicted }))
      checkWhole("ConfusionMatrix.at", name, value, 0, this.numClasses - 1);
    return this.counts[actual * this.numClasses + predicted]!;
  }

  /** Number of samples so far. */
  get total(): number {
    return this.counts.reduce((sum, count) => sum + count, 0);
  }

  /** Fraction of correct predictions, 0 … 1; 0 before the first sample. */
  accuracy(): number {
    let correct = 0;
    for (let c = 0; c < this.numClasses; c++) correct += this.at(c, c);
    return correct / (this.total || 1);
  }

  /** Number of samples of each class (row sums; "support"). */
  actualCounts(): number[] {
    return this.sums((c, k) => this.at(c, k));
  }

  /** Number of predictions of each class (column sums). */
  predictedCounts(): number[] {
    return this.sums((c, k) => this.at(k, c));
  }

  private sums(cell: (c: number, k: number) => number): number[] {
    const classes = Array.from({ length: this.numClasses }, (_, c) => c);
    return classes.map((c) => classes.reduce((sum, k) => sum + cell(c, k), 0));
  }
}

/**
 * The confusion matrix of one set of predictions.
 *
 * @returns [numClasses, numClasses], row-major: row = actual class, column = predicted class.
 * @throws as `ConfusionMatrix.add`.
 */
export function confusionMatrix(
  predicted: ArrayLike<number>,
  actual: ArrayLike<number>,
  numClasses: number,
): Int32Array {
  return matrixOf("confusionMatrix", predicted, actual, numClasses).counts;
}

/**
 * Fraction of correct predictions, 0 … 1.
 *
 * @throws ShapeError if there are no samples or the lengths differ; AttributeError for a value that is not a class
 * index.
 */
export function accuracy(predicted: ArrayLike<number>, actual: ArrayLike<number>): number {
  checkPair("accuracy", predicted, actual);
  if (actual.length === 0) throw new ShapeError("accuracy: no samples");
  let correct = 0;
  for (let i = 0; i < actual.length; i++) if (predicted[i] === actual[i]) correct++;
  return correct / actual.length;
}

/** The confusion matrix of one set of predictions; errors name `op`. */
export function matrixOf(
  op: string,
  predicted: ArrayLike<number>,
  actual: ArrayLike<number>,
  numClasses: number,
): ConfusionMatrix {
  checkHost(op, predicted, actual);
  checkPair(op, predicted, actual, checkWhole(op, "numClasses", numClasses));
  return new ConfusionMatrix(numClasses).add(predicted, actual);
}

/** Refuses anything but two lists of classes of the same length. */
function checkPair(
  op: string,
  predicted: ArrayLike<number>,
  actual: ArrayLike<number>,
  numClasses = Number.POSITIVE_INFINITY,
): void {
  checkHost(op, predicted, actual);
  checkNumbers(op, "predicted", predicted);
  checkNumbers(op, "actual", actual);
  if (predicted.length !== actual.length) {
    throw new ShapeError(
      `${op}: ${counted(predicted.length, "predicted class", "predicted classes")} for ${counted(actual.length, "actual one")}`,
    );
  }
  const end = numClasses === Number.POSITIVE_INFINITY ? "up" : `to ${numClasses - 1}`;
  for (const [name, classes] of Object.entries({ predicted, actual })) {
    for (let i = 0; i < classes.length; i++) {
      const value = classes[i]!;
      if (!Number.isInteger(value) || value < 0 || value >= numClasses)
        throw new AttributeError(`${op}: ${name}[${i}] is ${show(value)}, expected a class index from 0 ${end}`);
    }
  }
}

/** Refuses anything but a confusion matrix. */
export function checkMatrix(op: string, value: unknown): void {
  if (!(value instanceof ConfusionMatrix)) refuse(op, "the first argument", value, "a ConfusionMatrix");
}
