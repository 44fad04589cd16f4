import { AttributeError, checkNumber, checkNumbers, checkWhole, counted, ShapeError } from "../errors.ts";

/**
 * The class of each row of scores: the column of its largest value, the first one if several are equal. NaN counts as
 * largest, as in PyTorch.
 *
 * @param logits [n, numClasses], row-major; logits and probabilities give the same result.
 * @returns class indices, [n].
 * @throws AttributeError if numClasses is not an integer of at least 1; ShapeError if the last row is incomplete.
 */
export function argmaxRows(logits: ArrayLike<number>, numClasses: number): Int32Array {
  checkNumbers("argmaxRows", "logits", logits);
  checkWhole("argmaxRows", "numClasses", numClasses);
  if (logits.length % numClasses !== 0) {
    throw new ShapeError(`argmaxRows: cannot divide ${counted(logits.length, "value")} into rows of ${numClasses}`);
  }
  return Int32Array.from({ length: logits.length / numClasses }, (_, row) => {
    let best = 0;
    let largest = logits[row * numClasses]!;
    for (let c = 1; c < numClasses && !Number.isNaN(largest); c++) {
      const value = logits[row * numClasses + c]!;
      if (value > largest || Number.isNaN(value)) {
        best = c;
        largest = value;
      }
    }
    return best;
  });
}

/**
 * Classes 0 and 1 from the probabilities of class 1: 1 where the probability exceeds the threshold.
 *
 * @param probabilities [n], for instance sigmoid outputs (not logits).
 * @param threshold between 0 and 1, default 0.5.
 * @returns class indices, [n].
 * @throws AttributeError for a threshold or probability that is NaN or outside 0 … 1 (beyond rounding), with its
 * position.
 */
export function binaryFromProbabilities(probabilities: ArrayLike<number>, threshold = 0.5): Int32Array {
  checkNumbers("binaryFromProbabilities", "probabilities", probabilities);
  checkNumber("binaryFromProbabilities", "threshold", threshold, "a number from 0 to 1", (n) => n >= 0 && n <= 1);
  // A sigmoid computed on a GPU may overshoot 1 by a few units in the last place.
  const slack = 1e-5;
  return Int32Array.from({ length: probabilities.length }, (_, i) => {
    const value = probabilities[i]!;
    if (!(value >= -slack && value <= 1 + slack)) {
      throw new AttributeError(
        `binaryFromProbabilities: probabilities[${i}] is ${value}, expected a number from 0 to 1 ` +
          "(for logits apply a sigmoid first)",
      );
    }
    return value > threshold ? 1 : 0;
  });
}
