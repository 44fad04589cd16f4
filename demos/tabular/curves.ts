import { plot } from "simple-ascii-chart";
import type { EpochErrors } from "./regression.ts";

/*
 * Learning curves: training and validation error by epoch, in the unit of the prices.
 */

/** For a terminal: a line for training, points for validation. */
export function textChart(history: readonly EpochErrors[], columns: number, hasColours: boolean): string {
  const width = Math.max(20, Math.min(80, columns - 12));
  // At most one epoch per column; more would overlap.
  const every = Math.ceil(history.length / width);
  const shown = history.filter((_, i) => i % every === 0 || i === history.length - 1);
  const { low, high } = range(history);
  const chart = plot(
    shown.map(({ epoch, train }): [number, number] => [epoch, train]),
    {
      width,
      height: 14,
      yRange: [low, high],
      points: shown.map(({ epoch, validation }) => ({
        x: epoch,
        y: validation,
        ...(hasColours && { color: "ansiGreen" }),
      })),
      symbols: { point: "•" },
      customXAxisTicks: epochTicks(history.length),
      customYAxisTicks: priceTicks(low, high),
      formatter: (value) => Math.round(10 * value) / 10,
      legend: { position: "bottom", series: ["training"], points: ["validation"] },
    },
  );
  const lines = chart.split("\n").map((line) => line.trimEnd());
  return lines.filter((line) => line !== "").join("\n");
}

/** A table: epoch, training, validation. */
export const csv = (history: readonly EpochErrors[]): string =>
  ["epoch,training,validation", ...history.map((row) => `${row.epoch},${row.train},${row.validation}`), ""].join("\n");

/** An image that marks the epoch whose weights were kept. */
export function svg(history: readonly EpochErrors[], best: EpochErrors): string {
  const [width, height, left, bottom, top, right] = [720, 400, 56, 44, 16, 16];
  const { low, high } = range(history);
  const x = (epoch: number): number => left + ((width - left - right) * (epoch - 1)) / Math.max(1, history.length - 1);
  const y = (error: number): number => height - bottom - ((height - bottom - top) * (error - low)) / (high - low || 1);
  const line = (colour: string, of: (errors: EpochErrors) => number): string => {
    const points = history.map((errors) => `${x(errors.epoch).toFixed(1)},${y(of(errors)).toFixed(1)}`).join(" ");
    return `<polyline fill="none" stroke="${colour}" stroke-width="1.5" points="${points}"/>`;
  };
  const text = (at: readonly [number, number], words: string | number, rest = ""): string =>
    `<text x="${at[0].toFixed(1)}" y="${at[1].toFixed(1)}" ${rest}>${words}</text>`;
  const [train, validation] = ["#c2410c", "#0369a1"];
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="12">`,
    `<rect width="${width}" height="${height}" fill="white"/>`,
    ...priceTicks(low, high).flatMap((tick) => [
      `<line x1="${left}" x2="${width - right}" y1="${y(tick).toFixed(1)}" y2="${y(tick).toFixed(1)}" stroke="#ddd"/>`,
      text([left - 8, y(tick) + 4], tick, 'text-anchor="end"'),
    ]),
    ...epochTicks(history.length).map((tick) => text([x(tick), height - bottom + 18], tick, 'text-anchor="middle"')),
    text([width / 2, height - 8], "epoch", 'text-anchor="middle"'),
    text([14, height / 2], "RMSE in $1000", `text-anchor="middle" transform="rotate(-90 14 ${height / 2})"`),
    line(train, (errors) => errors.train),
    line(validation, (errors) => errors.validation),
    `<circle cx="${x(best.epoch).toFixed(1)}" cy="${y(best.validation).toFixed(1)}" r="4" fill="${validation}"/>`,
    text([width - right - 8, top + 14], "training", `text-anchor="end" fill="${train}"`),
    text(
      [width - right - 8, top + 30],
      `validation, best in epoch ${best.epoch}`,
      `text-anchor="end" fill="${validation}"`,
    ),
    "</svg>",
    "",
  ].join("\n");
}

function range(history: readonly EpochErrors[]): { low: number; high: number } {
  const values = history.flatMap(({ train, validation }) => [train, validation]);
  return { low: Math.min(...values), high: Math.max(...values) };
}

const epochTicks = (epochs: number): number[] => [
  ...new Set([0, 0.25, 0.5, 0.75, 1].map((share) => Math.max(1, Math.round(share * epochs)))),
];

/** Integers in a range, about eight at most. */
function priceTicks(low: number, high: number): number[] {
  const step = Math.max(1, Math.ceil((high - low) / 8));
  const first = Math.ceil(low / step);
  return Array.from({ length: Math.max(0, Math.floor(high / step) - first + 1) }, (_, i) => (first + i) * step);
}
