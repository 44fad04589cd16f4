import { AttributeError, checkNumbers, checkWhole, show } from "../errors.ts";

/**
 * One-hot rows on the host: 1 in the column of the label, 0 elsewhere.
 *
 * @param labels class of each sample, [n].
 * @param numClasses number of columns, at least 1.
 * @returns [n, numClasses], row-major.
 * @throws AttributeError for a label outside 0 … numClasses−1, with its position.
 */
export function oneHot(labels: ArrayLike<number>, numClasses: number): Float32Array {
  checkNumbers("oneHot", "labels", labels);
  checkWhole("oneHot", "numClasses", numClasses);
  const out = new Float32Array(labels.length * numClasses);
  for (let i = 0; i < labels.length; i++) {
    const label = labels[i]!;
    if (!Number.isInteger(label) || label < 0 || label >= numClasses) {
      throw new AttributeError(`oneHot: labels[${i}] is ${label}, expected an integer from 0 to ${numClasses - 1}`);
    }
    out[i * numClasses + label] = 1;
  }
  return out;
}

/** Refuses anything but finite numbers as names of classes. */
export function checkLabels(op: string, name: string, labels: ArrayLike<number>): void {
  checkNumbers(op, name, labels);
  for (let i = 0; i < labels.length; i++) {
    if (Number.isFinite(labels[i])) continue;
    throw new AttributeError(`${op}: ${name}[${i}] is ${show(labels[i])}, expected a finite number`);
  }
}
