import { learningCurves, learningCurvesText } from "../../src/plot/index.ts";
import type { EpochErrors } from "./regression.ts";

/*
 * Learning curves: training and validation error by epoch, in the unit of the prices. The epoch whose weights were kept
 * is marked.
 */

const curves = (history: readonly EpochErrors[]) => ({
  training: history.map(({ train }) => train),
  validation: history.map(({ validation }) => validation),
});

const marked = ({ epoch }: EpochErrors) => ({ mark: epoch, markLabel: `best in epoch ${epoch}` });

/** For a terminal. */
export const textChart = (
  history: readonly EpochErrors[],
  best: EpochErrors,
  columns: number,
  color: boolean,
): string =>
  learningCurvesText(curves(history), { ...marked(best), columns: Math.max(24, Math.min(92, columns)), color });

/** A table: epoch, training, validation. */
export const csv = (history: readonly EpochErrors[]): string =>
  ["epoch,training,validation", ...history.map((row) => `${row.epoch},${row.train},${row.validation}`), ""].join("\n");

/** An image. */
export const svg = (history: readonly EpochErrors[], best: EpochErrors): string =>
  `${learningCurves(curves(history), { ...marked(best), yLabel: "RMSE in $1000" })}\n`;
