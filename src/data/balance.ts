import { AttributeError, checkChoice, checkNumbers, checkWhole, optionsOf, ShapeError, show } from "../errors.ts";
import { checkLabels } from "./labels.ts";
import { permutation, wordsOf } from "./random.ts";

/**
 * A weight for each class, so that all classes count equally however many samples they have: n / (numClasses · count),
 * as scikit-learn's `compute_class_weight("balanced")`. For the `weight` of a loss:
 *
 * ```ts
 * const weight = constant(classWeights(labels, 3), [3]);
 * const loss = losses.crossEntropy(logits, y, { weight });
 * ```
 *
 * The weights of all n samples add up to n, if every class is present. A class without a sample gets 0 (scikit-learn
 * refuses it). It still counts in `numClasses`. With 0, the loss ignores samples of that class in other data.
 *
 * @param labels class of each sample, [n], n ≥ 1: integers from 0.
 * @param numClasses default the largest label + 1.
 * @returns [numClasses].
 * @throws ShapeError if there are no labels; AttributeError for a label outside 0 … numClasses−1, with its position.
 */
export function classWeights(labels: ArrayLike<number>, numClasses?: number): Float32Array {
  checkNumbers("classWeights", "labels", labels);
  if (numClasses !== undefined) checkWhole("classWeights", "numClasses", numClasses);
  checkSome("classWeights", labels);
  let classes = numClasses ?? 1;
  for (let i = 0; i < labels.length; i++) {
    const label = labels[i]!;
    if (!Number.isInteger(label) || label < 0 || (numClasses !== undefined && label >= numClasses)) {
      const range = numClasses === undefined ? "of at least 0" : `from 0 to ${numClasses - 1}`;
      throw new AttributeError(`classWeights: labels[${i}] is ${show(label)}, expected an integer ${range}`);
    }
    classes = Math.max(classes, label + 1);
  }
  const counts = new Uint32Array(classes);
  for (let i = 0; i < labels.length; i++) counts[labels[i]!]!++;
  return Float32Array.from(counts, (count) => (count === 0 ? 0 : labels.length / (classes * count)));
}

/** How samples are repeated or dropped so that classes become equally large. */
export interface ResampleOptions {
  /**
   * `"over"` (default) repeats samples until each class has as many as the largest; `"under"` drops samples until each
   * has as many as the smallest.
   */
  readonly mode?: "over" | "under";
  /** Any integer, default 0: the same seed gives the same indices. */
  readonly seed?: number;
}

/**
 * Indices of samples, so that all classes that occur have the same number of samples; in random order. For `takeRows`:
 *
 * ```ts
 * const balanced = takeRows(train, resample(train.y.data, { mode: "over", seed: 1 }));
 * ```
 *
 * `"over"` keeps every sample, and repeats those of a class equally often, give or take one. (`RandomOverSampler` of
 * imbalanced-learn draws the repetitions independently.) `"under"` draws without replacement and repeats none.
 *
 * Split first and resample only the training part: otherwise copies of one sample may be in several parts.
 *
 * @param labels class of each sample, [n], n ≥ 1: any finite numbers.
 * @returns [classes · size], where `size` is that of the largest or smallest class.
 * @throws ShapeError if there are no labels; AttributeError for a label that is not a finite number, with its position,
 * or an invalid option.
 */
export function resample(labels: ArrayLike<number>, options?: ResampleOptions): Uint32Array {
  checkLabels("resample", "labels", labels);
  checkSome("resample", labels);
  const { mode, seed } = optionsOf("resample", options, { mode: "over", seed: 0 });
  checkChoice("resample", "mode", mode, ["over", "under"]);
  const members = new Map<number, number[]>();
  wordsOf("resample", "seed", seed);
  for (const sample of permutation(labels.length, seed)) {
    const label = labels[sample]!;
    const others = members.get(label);
    if (others) others.push(sample);
    else members.set(label, [sample]);
  }
  const counts = Array.from(members.values(), ({ length }) => length);
  const size = counts.reduce((a, b) => (mode === "over" ? Math.max(a, b) : Math.min(a, b)));
  const drawn: number[] = [];
  // The members are in random order: going round them repeats, or takes, random ones.
  for (const own of members.values()) for (let i = 0; i < size; i++) drawn.push(own[i % own.length]!);
  return permutation(drawn.length, seed, 1).map((i) => drawn[i]!);
}

function checkSome(op: string, labels: ArrayLike<number>): void {
  if (labels.length === 0) throw new ShapeError(`${op}: labels is empty, expected at least one label`);
}
