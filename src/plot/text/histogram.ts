import { checkWhole, optionsOf } from "../../errors.ts";
import { figures } from "../figure.ts";
import { binsOf, checkValues, type HistogramOptions } from "../histogram.ts";

/** How a histogram is drawn with characters. */
export interface HistogramTextOptions extends Pick<HistogramOptions, "bins"> {
  /** Characters per line; default 80. */
  readonly columns?: number;
}

/** Blocks that are one to eight eighths wide. */
const eighths = "▏▎▍▌▋▊▉█";

/**
 * How often values occur, as text for a terminal: a line for each bin, with its ends, a bar and its count. NaN and
 * infinities are not counted.
 * @returns lines of at most `columns` characters, without a final line break.
 */
export function histogramText(values: ArrayLike<number>, options: HistogramTextOptions = {}): string {
  const op = "histogramText";
  const { bins: wanted, columns } = optionsOf(op, options, { bins: undefined, columns: 80 });
  checkWhole(op, "columns", columns, 40);
  checkValues(op, values, wanted);
  const bins = binsOf(values, wanted ?? 12);
  const most = Math.max(1, ...bins.map(({ count }) => count));
  const ends = figures([bins[0]!.from, ...bins.map(({ to }) => to)]);
  const wide = Math.max(...ends.map((end) => end.length));
  const digits = String(most).length;
  const room = columns - 2 * wide - digits - 7;
  return bins
    .map(({ count }, i) => {
      const length = Math.ceil((8 * room * count) / most);
      const bar = "█".repeat(Math.floor(length / 8)) + (length % 8 ? eighths[(length % 8) - 1] : "");
      return `${ends[i]!.padStart(wide)} … ${ends[i + 1]!.padStart(wide)} │${bar} ${count}`;
    })
    .join("\n");
}
