import { AttributeError, checkList, checkNumbers, counted, optionsOf, ShapeError, show } from "../errors.ts";
import { checkArray } from "./dataset.ts";

/** Samples to fit a normalisation to: row-major, `shape` is [n, …sizes of one sample]. */
export interface NumberArray {
  readonly data: ArrayLike<number>;
  readonly shape: readonly number[];
}

/**
 * Parameters of a normalisation, one per feature. Plain arrays, so that `JSON.stringify` can save them with the
 * weights.
 */
export interface NormalizerState {
  readonly shift: readonly number[];
  readonly divisor: readonly number[];
  readonly offset: number;
}

/** y = (x − shift) / divisor + offset for each feature, and its inverse. */
export interface Normalizer {
  readonly state: NormalizerState;
  /** Number of values in one sample. */
  readonly features: number;
  /** Normalises any number of samples, row-major. Computed in float64, rounded to float32 at the end. */
  apply(data: ArrayLike<number>): Float32Array;
  /** x = (y − offset) · divisor + shift: inverts `apply` to float32 accuracy. */
  invert(data: ArrayLike<number>): Float32Array;
}

/**
 * Fits a normalisation to mean 0 and standard deviation 1 per feature (the population's: divided by n, as
 * scikit-learn's StandardScaler does). Fit it to the training data only, then apply it to all:
 *
 * ```ts
 * const normal = standardize(train.x);
 * const x = normal.apply(validation.x.data);
 * ```
 *
 * A feature is one of the values of a sample. A constant feature becomes 0, not NaN.
 *
 * @throws ShapeError if shape and data differ or there is no sample; AttributeError for a value that is not finite.
 */
export function standardize(samples: NumberArray): Normalizer {
  const { n, features, low, high } = ranges(samples, "standardize");
  const { data } = samples;
  const sum = new Array<number>(features).fill(0);
  eachValue(n, features, (i, f) => {
    sum[f] = sum[f]! + data[i]!;
  });
  const mean = sum.map((total) => total / n);
  const squares = new Array<number>(features).fill(0);
  // A second pass, not E[x²] − E[x]², which cancels when the mean is large.
  eachValue(n, features, (i, f) => {
    squares[f] = squares[f]! + (data[i]! - mean[f]!) ** 2;
  });
  // Compare the extremes, not the variance: rounding the mean gives a constant 0.1 a variance of 1e-34.
  const isConstant = (f: number): boolean => low[f] === high[f];
  return normalizer({
    shift: mean.map((value, f) => (isConstant(f) ? low[f]! : value)),
    divisor: squares.map((total, f) => (isConstant(f) ? 1 : Math.sqrt(total / n) || 1)),
    offset: 0,
  });
}

/**
 * Fits a normalisation of every feature to a range, by default 0 … 1: the smallest value becomes its low end, the
 * largest its high end (scikit-learn's MinMaxScaler). New samples may fall outside. A constant feature becomes the low
 * end.
 *
 * @throws ShapeError if shape and data differ or there is no sample; AttributeError for a value that is not finite or a
 * range that is not low < high.
 */
export function minMaxScale(samples: NumberArray, range: readonly [low: number, high: number] = [0, 1]): Normalizer {
  const [from, to] = checkList("minMaxScale", "range", range) as readonly [number, number];
  if (!(Number.isFinite(from) && Number.isFinite(to) && from < to)) {
    throw new AttributeError(`minMaxScale: range is ${show(range)}, expected two finite numbers, the lower one first`);
  }
  const { low, high } = ranges(samples, "minMaxScale");
  return normalizer({
    shift: low,
    divisor: high.map((value, f) => (value - low[f]!) / (to - from) || 1),
    offset: from,
  });
}

/**
 * A normaliser from the `state` of another, for instance one saved with the weights.
 *
 * @throws ShapeError if shift and divisor differ in length or are empty; AttributeError for a divisor of 0 or a number
 * that is not finite.
 */
export function normalizer(state: NormalizerState): Normalizer {
  const { shift, divisor, offset } = optionsOf("normalizer", state, { shift: [], divisor: [], offset: undefined });
  const features = shift.length;
  if (features === 0 || divisor.length !== features) {
    throw new ShapeError(
      `normalizer: ${counted(features, "shift")} and ${counted(divisor.length, "divisor")}, expected one of each per feature`,
    );
  }
  if (![offset, ...shift, ...divisor].every(Number.isFinite) || divisor.includes(0)) {
    throw new AttributeError("normalizer: shift, divisor and offset must be finite, and divisors not 0");
  }
  const transform = (data: ArrayLike<number>, verb: string, value: (x: number, f: number) => number): Float32Array => {
    checkNumbers(`normalizer.${verb}`, "data", data);
    if (data.length % features !== 0) {
      throw new ShapeError(
        `normalizer.${verb}: cannot divide ${counted(data.length, "value")} into samples of ${counted(features, "feature")}`,
      );
    }
    const out = new Float32Array(data.length);
    eachValue(data.length / features, features, (i, f) => {
      out[i] = value(data[i]!, f);
    });
    return out;
  };
  return {
    state,
    features,
    apply: (data) => transform(data, "apply", (x, f) => (x - shift[f]!) / divisor[f]! + offset),
    invert: (data) => transform(data, "invert", (y, f) => (y - offset) * divisor[f]! + shift[f]!),
  };
}

/** Smallest and largest value of each feature. Checks the samples first. */
function ranges(samples: NumberArray, op: string) {
  const { data, shape } = checkArray(op, samples);
  const n = shape[0] ?? 0;
  const features = shape.slice(1).reduce((product, size) => product * size, 1);
  if (!(n >= 1) || features < 1 || n * features !== data.length) {
    throw new ShapeError(
      `${op}: shape [${shape.join(", ")}] does not fit ${counted(data.length, "value")}; ` +
        "expected [n, …sizes of one sample] with n ≥ 1",
    );
  }
  const low = new Array<number>(features).fill(Number.POSITIVE_INFINITY);
  const high = new Array<number>(features).fill(Number.NEGATIVE_INFINITY);
  eachValue(n, features, (i, f) => {
    const value = data[i]!;
    if (!Number.isFinite(value)) {
      throw new AttributeError(
        `${op}: feature ${f} of sample ${Math.floor(i / features)} is ${value}, expected a finite number`,
      );
    }
    low[f] = Math.min(low[f]!, value);
    high[f] = Math.max(high[f]!, value);
  });
  return { n, features, low, high };
}

function eachValue(n: number, features: number, visit: (i: number, feature: number) => void): void {
  for (let i = 0, row = 0; row < n; row++) {
    for (let f = 0; f < features; f++, i++) visit(i, f);
  }
}
