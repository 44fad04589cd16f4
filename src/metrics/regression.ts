import { checkNumbers, counted, ShapeError } from "../errors.ts";
import { checkHost } from "./host.ts";

/**
 * Mean squared error: the mean of (predicted − actual)² over all values.
 *
 * @throws ShapeError if there are no values or the lengths differ. So do `mae`, `rmse` and `r2`.
 */
export function mse(predicted: ArrayLike<number>, actual: ArrayLike<number>): number {
  return meanOf("mse", predicted, actual, (error) => error * error);
}

/** Mean absolute error: the mean of |predicted − actual|. */
export function mae(predicted: ArrayLike<number>, actual: ArrayLike<number>): number {
  return meanOf("mae", predicted, actual, Math.abs);
}

/** Root mean squared error: the square root of `mse`. */
export function rmse(predicted: ArrayLike<number>, actual: ArrayLike<number>): number {
  return Math.sqrt(meanOf("rmse", predicted, actual, (error) => error * error));
}

/**
 * Coefficient of determination, 1 − Σ(predicted − actual)² / Σ(actual − mean)²: 1 is perfect, 0 is no better than
 * predicting the mean, below 0 is worse. If all actual values are equal: 1 if every prediction is exact, else 0 (as in
 * scikit-learn).
 *
 * @throws ShapeError if there are fewer than two values or the lengths differ.
 */
export function r2(predicted: ArrayLike<number>, actual: ArrayLike<number>): number {
  const residual = meanOf("r2", predicted, actual, (error) => error * error);
  if (actual.length < 2) throw new ShapeError("r2: one value, expected at least two");
  let mean = 0;
  let isConstant = true;
  for (let i = 0; i < actual.length; i++) {
    mean += actual[i]! / actual.length;
    isConstant &&= actual[i] === actual[0];
  }
  if (isConstant) return residual === 0 ? 1 : 0;
  let variance = 0;
  for (let i = 0; i < actual.length; i++) variance += (actual[i]! - mean) ** 2 / actual.length;
  return 1 - residual / variance;
}

function meanOf(
  name: string,
  predicted: ArrayLike<number>,
  actual: ArrayLike<number>,
  of: (error: number) => number,
): number {
  checkHost(name, predicted, actual);
  checkNumbers(name, "predicted", predicted);
  checkNumbers(name, "actual", actual);
  if (predicted.length !== actual.length) {
    throw new ShapeError(
      `${name}: ${counted(predicted.length, "predicted value")} for ${counted(actual.length, "actual one")}`,
    );
  }
  if (actual.length === 0) throw new ShapeError(`${name}: no values`);
  let sum = 0;
  for (let i = 0; i < actual.length; i++) sum += of(predicted[i]! - actual[i]!);
  return sum / actual.length;
}
