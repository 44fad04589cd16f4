import { AttributeError, checkLike, checkNumbers, optionsOf, ShapeError } from "../errors.ts";
import { copyRows, type Dataset, datasetSize } from "./dataset.ts";
import { permutation } from "./random.ts";

export interface SplitOptions {
  /**
   * Size of the validation part: a fraction between 0 and 1 (rounded to the nearest count), or a count of at least 1.
   */
  readonly validation: number;
  /** Any integer, default 0: the same seed gives the same split. */
  readonly seed?: number;
  /** A class for each sample: both parts get the classes in the same proportions, to within one sample per class. */
  readonly stratify?: ArrayLike<number>;
}

export interface Split<T> {
  readonly train: T;
  readonly validation: T;
}

/**
 * Splits samples at random into a training and a validation part. Each sample is in exactly one part; each part is in
 * random order.
 *
 * @param samples a number of samples, to split their indices; or a dataset, to get two datasets (copies) with the same
 * names.
 * @throws AttributeError if `validation` is neither a fraction nor a count; ShapeError if a part would be empty, the
 * dataset is invalid or `stratify` has another length.
 *
 * With `stratify`, each class gets its share rounded down, and the remaining samples go to the classes with the largest
 * remainders (the first seen if equal). A class of one sample may end up in either part.
 */
export function trainValidationSplit(samples: number, options: SplitOptions): Split<Uint32Array>;
export function trainValidationSplit<D extends Dataset>(samples: D, options: SplitOptions): Split<D>;
export function trainValidationSplit(samples: number | Dataset, options: SplitOptions): Split<Uint32Array | Dataset> {
  const n = typeof samples === "number" ? samples : datasetSize(samples);
  const indices = splitIndices(n, options);
  if (typeof samples === "number") return indices;
  return { train: subset(samples, n, indices.train), validation: subset(samples, n, indices.validation) };
}

function splitIndices(n: number, options: SplitOptions): Split<Uint32Array> {
  if (!Number.isInteger(n) || n < 2) {
    throw new ShapeError(`trainValidationSplit: ${n} samples cannot be divided, expected an integer of at least 2`);
  }
  const {
    validation: share,
    seed,
    stratify,
  } = optionsOf("trainValidationSplit", options, {
    validation: undefined,
    seed: 0,
    stratify: undefined,
  });
  const size = validationSize(n, share);
  if (stratify !== undefined) checkNumbers("trainValidationSplit", "stratify", stratify);
  if (stratify !== undefined && stratify.length !== n) {
    throw new ShapeError(`trainValidationSplit: stratify has ${stratify.length} labels for ${n} samples`);
  }
  const classOf = (sample: number): number => (stratify === undefined ? 0 : stratify[sample]!);
  const wanted = quotas(n, size, classOf);
  const train = new Uint32Array(n - size);
  const validation = new Uint32Array(size);
  let trained = 0;
  let validated = 0;
  for (const sample of permutation(n, seed)) {
    const label = classOf(sample);
    const left = wanted.get(label)!;
    if (left > 0) {
      wanted.set(label, left - 1);
      validation[validated++] = sample;
    } else {
      train[trained++] = sample;
    }
  }
  return { train, validation };
}

function validationSize(n: number, validation: number): number {
  checkLike("trainValidationSplit", "validation", validation, 0);
  const isFraction = validation > 0 && validation < 1;
  if (!isFraction && !(Number.isInteger(validation) && validation >= 1)) {
    throw new AttributeError(
      `trainValidationSplit: validation is ${validation}, expected a fraction between 0 and 1 or a count of at least 1`,
    );
  }
  const size = isFraction ? Math.round(validation * n) : validation;
  if (size < 1 || size >= n) {
    const empty = size < 1 ? "validation" : "training";
    throw new ShapeError(`trainValidationSplit: validation ${validation} of ${n} samples leaves none for ${empty}`);
  }
  return size;
}

/** Number of validation samples per class: proportional, by largest remainder (Hamilton's method). */
function quotas(n: number, size: number, classOf: (sample: number) => number): Map<number, number> {
  const counts = new Map<number, number>();
  for (let i = 0; i < n; i++) counts.set(classOf(i), (counts.get(classOf(i)) ?? 0) + 1);
  const wanted = new Map<number, number>();
  let left = size;
  for (const [label, count] of counts) {
    const whole = Math.floor((count * size) / n);
    wanted.set(label, whole);
    left -= whole;
  }
  const remainder = (count: number): number => (count * size) % n;
  const byRemainder = [...counts].sort(([, a], [, b]) => remainder(b) - remainder(a));
  for (const [label] of byRemainder.slice(0, left)) wanted.set(label, wanted.get(label)! + 1);
  return wanted;
}

function subset(dataset: Dataset, n: number, indices: Uint32Array): Dataset {
  const rows = copyRows(dataset, n, indices);
  return Object.fromEntries(
    Object.entries(dataset).map(([name, { shape }]) => [
      name,
      { data: rows[name] as Dataset[string]["data"], shape: [indices.length, ...shape.slice(1)] },
    ]),
  );
}
