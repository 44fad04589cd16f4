import { learningCurves, learningCurvesText } from "../../src/plot/index.ts";
import type { EpochErrors } from "./regression.ts";

/*
 * Learning curves: training and validation error by epoch, in the unit of the prices. The epoch whose weights were kept
 * is marked.
 */

/** Errors as a trainer's history names them. */
export const historyOf = (history: readonly EpochErrors[]) => ({
  epochs: history.map(({ epoch, train, validation }) => ({ epoch, RMSE: train, val_RMSE: validation })),
});

const marked = ({ epoch }: EpochErrors) => ({ metric: "RMSE", mark: epoch, markLabel: `best in epoch ${epoch}` });

/** For a terminal. */
export const textChart = (
  history: readonly EpochErrors[],
  best: EpochErrors,
  columns: number,
  color: boolean,
): string =>
  learningCurvesText(historyOf(history), { ...marked(best), columns: Math.max(24, Math.min(92, columns)), color });

/** A table: epoch, training, validation. */
export const csv = (history: readonly EpochErrors[]): string =>
  ["epoch,training,validation", ...history.map((row) => `${row.epoch},${row.train},${row.validation}`), ""].join("\n");

/** An image. */
export const svg = (history: readonly EpochErrors[], best: EpochErrors): string =>
  `${learningCurves(historyOf(history), { ...marked(best), yLabel: "RMSE in $1000" })}\n`;
