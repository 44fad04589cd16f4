import type { TensorData } from "../../graph/tensor.ts";
import type { Statistics } from "../../recording/format.ts";

/** Statistics of some numbers. @param bins of the histogram. */
export function statisticsOf(data: TensorData, bins: number): Statistics {
  let [min, max, sum, count, nans, zeros] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0, 0, 0, 0];
  for (const value of data) {
    if (Number.isNaN(value)) nans++;
    if (!Number.isFinite(value)) continue;
    count++;
    sum += value;
    if (value < min) min = value;
    if (value > max) max = value;
    if (value === 0) zeros++;
  }
  const infinities = data.length - count - nans;
  if (count === 0) return { min: 0, max: 0, mean: 0, std: 0, norm: 0, zeros, nans, infinities, histogram: [] };
  const mean = sum / count;
  const histogram = new Array<number>(max > min ? bins : 1).fill(0);
  let [spread, squares] = [0, 0];
  for (const value of data) {
    if (!Number.isFinite(value)) continue;
    spread += (value - mean) ** 2;
    squares += value ** 2;
    const bin = max > min ? Math.floor(((value - min) / (max - min)) * bins) : 0;
    histogram[Math.min(bin, histogram.length - 1)]!++;
  }
  const [std, norm] = [Math.sqrt(spread / count), Math.sqrt(squares)];
  return { min, max, mean, std, norm, zeros, nans, infinities, histogram };
}
