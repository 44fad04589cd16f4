import type { Kernel, Value } from "./value.ts";

/*
 * Normalisation of rows and its gradient, by definition.
 */

/** Calls `visit` with each row's number and its first position. */
function eachRow({ shape: [rows, length] }: Value, visit: (row: number, from: number, length: number) => void): void {
  for (let row = 0; row < rows!; row++) visit(row, row * length!, length!);
}

/** Position of the weight for element `t` of a row. */
const weightAt = (groups: number, spread: number, length: number, row: number, t: number): number =>
  (row % groups) * (length / spread) + Math.floor(t / spread);

const average = (length: number, value: (t: number) => number): number => {
  let total = 0;
  for (let t = 0; t < length; t++) total += value(t);
  return total / length;
};

const layerNorm: Kernel = ({ attrs: { kind, eps, groups, spread } }, [x, weight, bias]) => {
  const y = new Float64Array(x!.data.length);
  const mean = new Float64Array(x!.shape[0]!);
  const rstd = new Float64Array(x!.shape[0]!);
  eachRow(x!, (row, from, length) => {
    const element = (t: number) => x!.data[from + t]!;
    const middle = kind === "rms" ? 0 : average(length, element);
    mean[row] = middle;
    rstd[row] = 1 / Math.sqrt(average(length, (t) => (element(t) - middle) ** 2) + eps);
    for (let t = 0; t < length; t++) {
      const at = weightAt(groups, spread, length, row, t);
      y[from + t] = (element(t) - middle) * rstd[row] * (weight?.data[at] ?? 1) + (bias?.data[at] ?? 0);
    }
  });
  return kind === "rms" ? [y, rstd] : [y, rstd, mean];
};

const layerNormGrad: Kernel = ({ attrs: { kind, weighted, groups, spread } }, [x, ...rest]) => {
  const [weight, dy, rstd, mean] = weighted ? rest : [undefined, ...rest];
  const dx = new Float64Array(x!.data.length);
  eachRow(x!, (row, from, length) => {
    const [middle, scale] = [kind === "rms" ? 0 : mean!.data[row]!, rstd!.data[row]!];
    const h = (t: number) => (x!.data[from + t]! - middle) * scale;
    const g = (t: number) => dy!.data[from + t]! * (weight?.data[weightAt(groups, spread, length, row, t)] ?? 1);
    const sum = kind === "rms" ? 0 : average(length, g);
    const along = average(length, (t) => g(t) * h(t));
    for (let t = 0; t < length; t++) dx[from + t] = scale * (g(t) - sum - h(t) * along);
  });
  return [dx];
};

export const normalizations: Readonly<Record<string, Kernel>> = { layerNorm, layerNormGrad };
