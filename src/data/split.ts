import { AttributeError, checkLike, checkObject, checkWhole, counted, optionsOf, ShapeError, show } from "../errors.ts";
import { copyRows, type Dataset, datasetSize } from "./dataset.ts";
import { checkLabels } from "./labels.ts";
import { quotas, twoQuotas } from "./quotas.ts";
import { permutation, wordsOf } from "./random.ts";

/** How samples are assigned to parts. */
export interface RandomSplitOptions {
  /** Any integer, default 0: the same seed gives the same split. */
  readonly seed?: number;
  /**
   * A class for each sample, any finite number: all parts get the classes in the same proportions, to within one sample
   * per class and part. Default none.
   */
  readonly stratify?: ArrayLike<number>;
}

/** How samples are split into training and validation. */
export interface SplitOptions extends RandomSplitOptions {
  /**
   * Size of the validation part: a fraction between 0 and 1 (rounded to the nearest count), or a count of at least 1.
   */
  readonly validation: number;
}

/** How samples are split for cross-validation. */
export interface KFoldOptions extends RandomSplitOptions {
  /** Number of parts, from 2 to the number of samples. Default 5. */
  readonly k?: number;
}

/** Two parts of one dataset. */
export interface Split<T> {
  readonly train: T;
  readonly validation: T;
}

const defaults = { seed: 0, stratify: undefined };

/**
 * Splits samples at random into parts, as PyTorch's `random_split` does, but the parts have names:
 *
 * ```ts
 * const { train, validation, test } = randomSplit(dataset, { train: 0.8, validation: 0.1, test: 0.1 }, { seed: 1 });
 * ```
 *
 * Each sample is in exactly one part; each part is in random order.
 *
 * @param samples a number of samples, to split their indices; or a dataset, to get datasets (copies) with the same
 * names.
 * @param parts two or more: all fractions that add up to 1 (to within 1e-6), or all counts that add up to the number of
 * samples. Fractions become counts by largest remainder: each is rounded down, and the samples left over go to the
 * parts that lost most (the first if equal).
 * @param options `seed`, default 0; `stratify`, default no labels.
 * @returns the indices (Uint32Array) or the dataset of each part, under the names of `parts`.
 * @throws AttributeError if `parts` are neither fractions nor counts, fractions do not add up to 1, or a label is not a
 * finite number; ShapeError if counts do not add up to the number of samples, a part would be empty, the dataset is
 * invalid or `stratify` has another length.
 *
 * With `stratify`, each part gets a class's exact share, rounded down or up. So a class with fewer samples than parts
 * is missing in some parts, by chance; scikit-learn's `train_test_split` refuses a class of one sample.
 */
export function randomSplit<P extends Readonly<Record<string, number>>>(
  samples: number,
  parts: P,
  options?: RandomSplitOptions,
): { readonly [K in keyof P]: Uint32Array };
export function randomSplit<D extends Dataset, P extends Readonly<Record<string, number>>>(
  samples: D,
  parts: P,
  options?: RandomSplitOptions,
): { readonly [K in keyof P]: D };
export function randomSplit(
  samples: number | Dataset,
  parts: Readonly<Record<string, number>>,
  options?: RandomSplitOptions,
): Record<string, Uint32Array | Dataset> {
  const n = sampleCount("randomSplit", samples);
  const sizes = partSizes(n, parts);
  const { seed, stratify } = optionsOf("randomSplit", options, defaults);
  const indices = divide("randomSplit", n, Object.values(sizes), seed, stratify, quotas);
  return Object.fromEntries(Object.keys(sizes).map((name, p) => [name, partOf(samples, n, indices[p]!)]));
}

/**
 * Splits samples at random into a training and a validation part. Each sample is in exactly one part; each part is in
 * random order. `randomSplit` makes more parts.
 *
 * @param samples a number of samples, to split their indices; or a dataset, to get two datasets (copies) with the same
 * names.
 * @throws AttributeError if `validation` is neither a fraction nor a count, or a label is not a finite number;
 * ShapeError if a part would be empty, the dataset is invalid or `stratify` has another length.
 *
 * With `stratify`, each class gets its share rounded down, and the remaining samples go to the classes with the largest
 * remainders (at random if equal). A class of one sample may end up in either part.
 */
export function trainValidationSplit(samples: number, options: SplitOptions): Split<Uint32Array>;
export function trainValidationSplit<D extends Dataset>(samples: D, options: SplitOptions): Split<D>;
export function trainValidationSplit(samples: number | Dataset, options: SplitOptions): Split<Uint32Array | Dataset> {
  const n = sampleCount("trainValidationSplit", samples);
  const all = optionsOf("trainValidationSplit", options, { validation: undefined, ...defaults });
  const size = validationSize(n, all.validation);
  const [validation, train] = divide("trainValidationSplit", n, [size, n - size], all.seed, all.stratify, twoQuotas);
  return { train: partOf(samples, n, train!), validation: partOf(samples, n, validation!) };
}

/**
 * Splits samples at random for k-fold cross-validation, as scikit-learn's `KFold` with `shuffle`, or `StratifiedKFold`: into k
 * parts of the same size, to within one. Each part validates once, while all others train.
 *
 * ```ts
 * for (const { train, validation } of kFold(dataset, { k: 5, seed: 1 })) {
 *   // Train a new model on `train`, and measure it on `validation`.
 * }
 * ```
 *
 * @param samples a number of samples, to split their indices; or a dataset, to get datasets with the same names. Those are
 * copies, of k times the samples in all: for a large dataset, split its indices.
 * @param options `k`, default 5; `seed`, default 0; `stratify`, default no labels.
 * @returns k splits. Each sample is in exactly one of their validation parts. All parts are in random order.
 * @throws AttributeError if `k` is no whole number from 2 to the number of samples, or a label is not a finite number;
 * ShapeError if there are fewer than two samples, the dataset is invalid or `stratify` has another length.
 *
 * With `stratify`, each validation part gets a class's exact share, rounded down or up, also of classes with fewer than k
 * samples.
 */
export function kFold(samples: number, options?: KFoldOptions): Split<Uint32Array>[];
export function kFold<D extends Dataset>(samples: D, options?: KFoldOptions): Split<D>[];
export function kFold(samples: number | Dataset, options?: KFoldOptions): Split<Uint32Array | Dataset>[] {
  const n = sampleCount("kFold", samples);
  const { k, seed, stratify } = optionsOf("kFold", options, { k: 5, ...defaults });
  checkWhole("kFold", "k", k, 2, n);
  const sizes = Array.from({ length: k }, (_, fold) => Math.floor(n / k) + Number(fold < n % k));
  const folds = divide("kFold", n, sizes, seed, stratify, quotas);
  return folds.map((validation) => {
    const train = Uint32Array.from(folds.flatMap((fold) => (fold === validation ? [] : [...fold])));
    return { train: partOf(samples, n, train), validation: partOf(samples, n, validation) };
  });
}

function sampleCount(op: string, samples: number | Dataset): number {
  const n = typeof samples === "number" ? samples : datasetSize(samples);
  if (Number.isInteger(n) && n >= 2) return n;
  throw new ShapeError(`${op}: the number of samples is ${show(n)}, expected an integer from 2`);
}

/** Indices of parts of the given sizes, whose sum is n. */
function divide(
  op: string,
  n: number,
  sizes: readonly number[],
  seed: number,
  stratify: ArrayLike<number> | undefined,
  quotasOf: typeof quotas,
): Uint32Array[] {
  if (stratify !== undefined) checkLabels(op, "stratify", stratify);
  if (stratify !== undefined && stratify.length !== n) {
    throw new ShapeError(
      `${op}: stratify has ${counted(stratify.length, "label")} for ${counted(n, "sample")}, expected ${n}`,
    );
  }
  const classOf = (sample: number): number => stratify?.[sample] ?? 0;
  wordsOf(op, "seed", seed);
  const order = permutation(n, seed);
  // Classes in random order, so that chance decides between equal remainders.
  const counts = new Map<number, number>();
  for (const sample of order) counts.set(classOf(sample), (counts.get(classOf(sample)) ?? 0) + 1);
  const rows = quotasOf([...counts.values()], sizes);
  const left = new Map([...counts.keys()].map((label, c) => [label, rows[c]!]));
  const parts = sizes.map((size) => new Uint32Array(size));
  const filled = sizes.map(() => 0);
  for (const sample of order) {
    const quota = left.get(classOf(sample))!;
    const p = quota.findIndex((count) => count > 0);
    quota[p]!--;
    parts[p]![filled[p]!++] = sample;
  }
  return parts;
}

const isFraction = (size: number): boolean => size > 0 && size < 1;
const isCount = (size: number): boolean => Number.isInteger(size) && size >= 1;

function checkSize(op: string, name: string, size: number): void {
  checkLike(op, name, size, 0);
  if (isFraction(size) || isCount(size)) return;
  throw new AttributeError(`${op}: ${name} is ${size}, expected a fraction between 0 and 1 or a count of at least 1`);
}

/** The number of samples of each part. */
function partSizes(n: number, parts: Readonly<Record<string, number>>): Record<string, number> {
  checkObject("randomSplit", "parts", parts, "{ train: 0.8, validation: 0.1, test: 0.1 }");
  const names = Object.keys(parts);
  const sizes = Object.values(parts);
  if (names.length < 2) {
    const few = names.length === 1 ? "one name" : "no names";
    throw new AttributeError(`randomSplit: parts has ${few}, expected at least two, as in { train: 0.8, test: 0.2 }`);
  }
  for (const [p, size] of sizes.entries()) checkSize("randomSplit", `parts.${names[p]}`, size);
  const odd = sizes.findIndex((size) => isFraction(size) !== isFraction(sizes[0]!));
  if (odd > 0) {
    const both = [0, odd].map((p) => `parts.${names[p]} is ${sizes[p]}`).join(" and ");
    throw new AttributeError(`randomSplit: ${both}, expected all fractions or all counts`);
  }
  const sum = sizes.reduce((total, size) => total + size, 0);
  if (isCount(sizes[0]!)) {
    if (sum === n) return { ...parts };
    throw new ShapeError(`randomSplit: the counts in parts add up to ${sum}, expected the number of samples, ${n}`);
  }
  if (Math.abs(sum - 1) > 1e-6) {
    throw new AttributeError(`randomSplit: the fractions in parts add up to ${+sum.toPrecision(8)}, expected 1`);
  }
  const exact = sizes.map((size) => (size / sum) * n);
  const counts = exact.map(Math.floor);
  const byRemainder = [...exact.keys()].sort((a, b) => exact[b]! - counts[b]! - (exact[a]! - counts[a]!));
  const left = counts.reduce((rest, count) => rest - count, n);
  for (const p of byRemainder.slice(0, left)) counts[p]!++;
  const empty = counts.indexOf(0);
  if (empty >= 0) {
    throw new ShapeError(
      `randomSplit: parts.${names[empty]} is ${sizes[empty]}, which of ${n} samples leaves none; expected a larger part`,
    );
  }
  return Object.fromEntries(names.map((name, p) => [name, counts[p]!]));
}

function validationSize(n: number, validation: number): number {
  checkSize("trainValidationSplit", "validation", validation);
  const size = isFraction(validation) ? Math.round(validation * n) : validation;
  if (size < 1 || size >= n) {
    const empty = size < 1 ? "validation" : "training";
    throw new ShapeError(`trainValidationSplit: validation ${validation} of ${n} samples leaves none for ${empty}`);
  }
  return size;
}

const partOf = (samples: number | Dataset, n: number, indices: Uint32Array): Uint32Array | Dataset =>
  typeof samples === "number" ? indices : subset(samples, n, indices);

function subset(dataset: Dataset, n: number, indices: Uint32Array): Dataset {
  const rows = copyRows(dataset, n, indices);
  return Object.fromEntries(
    Object.entries(dataset).map(([name, { shape }]) => [
      name,
      { data: rows[name] as Dataset[string]["data"], shape: [indices.length, ...shape.slice(1)] },
    ]),
  );
}
