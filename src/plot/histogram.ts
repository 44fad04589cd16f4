import { bin, thresholdFreedmanDiaconis, thresholdSturges } from "d3-array";
import { scaleLinear } from "d3-scale";
import { checkNumbers, checkWhole, counted, optionsOf, refuse } from "../errors.ts";
import { axesMarks, axisOf, type Box, roomFor } from "./axes.ts";
import { figure } from "./figure.ts";
import { tag } from "./markup.ts";
import { isShown, rangeOf } from "./points.ts";
import { heading, picture } from "./svg.ts";
import { letter } from "./width.ts";

/** How a histogram is drawn. */
export interface HistogramOptions {
  /** Default "Histogram". */
  readonly title?: string;
  /** What the picture shows, for people who cannot see it. Default: number, range and mean of the values. */
  readonly description?: string;
  /** About how many bins; their ends are round numbers. Default: the rule of Freedman and Diaconis, at most 100. */
  readonly bins?: number;
  /** Title of the horizontal axis; default "value". */
  readonly xLabel?: string;
  /** Whether the axis of counts is logarithmic; default false. */
  readonly log?: boolean;
  /** Width of the picture; default 640. Letters are 12 high. */
  readonly width?: number;
  /** Height of the picture; default 320. */
  readonly height?: number;
}

/** Values from `from` up to `to`: the last bin includes its end. */
export interface Bin {
  readonly from: number;
  readonly to: number;
  readonly count: number;
}

/** Bins with round ends. @param values finite ones only. */
export function binsOf(values: ArrayLike<number>, bins: number | undefined): Bin[] {
  const finite = Array.from(values).filter(isShown);
  const [low, high] = rangeOf([finite]) ?? [0, 1];
  // Numbers that are closer to each other than the smallest steps of scales count as equal.
  const margin = high - low < 1e-300 ? Math.abs(low) / 10 || 0.5 : 0;
  const count =
    bins ?? Math.min(100, Math.max(thresholdSturges(finite), thresholdFreedmanDiaconis(finite, low, high) || 1));
  const scale = scaleLinear([low - margin, high + margin], [0, 1]).nice(count);
  const [from, to] = scale.domain() as [number, number];
  const inner = scale.ticks(count).filter((tick) => tick > from && tick < to);
  return bin()
    .domain([from, to])
    .thresholds(inner)(finite)
    .map((each) => ({ from: each.x0!, to: each.x1!, count: each.length }));
}

/** Refuses anything but numbers. */
export function checkValues(op: string, values: ArrayLike<number>, bins: number | undefined): void {
  if (Object(values) !== values) refuse(op, "the values", values, "an array of numbers");
  checkNumbers(op, "the values", values);
  for (let i = 0; i < values.length; i++)
    if (typeof values[i] !== "number") refuse(op, `the values[${i}]`, values[i], "a number");
  if (bins !== undefined) checkWhole(op, "bins", bins, 1, 1000);
}

/**
 * How often values occur, as an SVG image, in light or dark colours as the reader prefers. NaN and infinities are not
 * counted; the description says how many there are.
 * @returns the text of an `<svg>` element, also a complete file.
 */
export function histogram(values: ArrayLike<number>, options: HistogramOptions = {}): string {
  const op = "histogram";
  const o = optionsOf(op, options, {
    title: "Histogram",
    description: "",
    bins: undefined,
    xLabel: "value",
    log: false,
    width: 640,
    height: 320,
  });
  checkWhole(op, "width", o.width, 160);
  checkWhole(op, "height", o.height, 120);
  checkValues(op, values, o.bins);
  const bins = binsOf(values, o.bins);
  const most = Math.max(1, ...bins.map(({ count }) => count));
  const [top, bottom] = [2.5 * letter, o.height - (o.xLabel ? 4 : 2.5) * letter];
  const ticks = Math.max(2, Math.floor((bottom - top) / 36));
  // On a logarithmic axis, a count of 1 stays above the end of the axis.
  const range = o.log ? ([0.5, Math.max(most, 10)] as const) : ([0, most] as const);
  const vertical = axisOf({ range, isLog: o.log, places: [bottom, top], most: ticks, isWhole: true, isRound: !o.log });
  const box: Box = { left: Math.ceil(roomFor(vertical)) + 3.5 * letter, right: o.width - 1.5 * letter, top, bottom };
  const horizontal = axisOf({
    range: [bins[0]!.from, bins.at(-1)!.to],
    places: [box.left, box.right],
    most: Math.max(2, Math.floor((box.right - box.left) / 72)),
  });
  const bars = bins.flatMap(({ from, to, count }) => {
    if (count === 0) return [];
    const [left, right] = [horizontal.at(from), horizontal.at(to)];
    const gap = right - left > 4 ? 1 : 0;
    const y = vertical.at(count);
    return tag("rect", { class: "bar", x: left + gap / 2, y, width: right - left - gap, height: bottom - y });
  });
  return picture(
    { width: o.width, height: o.height, title: o.title, description: o.description || described(values) },
    heading(o.title, o.width),
    ...axesMarks(box, horizontal, vertical, { x: o.xLabel, y: "count" }),
    ...bars,
  );
}

/** Values in two sentences. */
function described(values: ArrayLike<number>): string {
  const range = rangeOf([values]);
  if (!range) return `None of ${counted(values.length, "value")} is finite.`;
  let [sum, n] = [0, 0];
  for (let i = 0; i < values.length; i++) {
    if (!isShown(values[i]!)) continue;
    n++;
    sum += (values[i]! - sum) / n; // The running mean.
  }
  const others = values.length - n;
  const rest = others > 0 ? ` ${others === 1 ? "1 other is" : `${others} others are`} not finite.` : "";
  return `${counted(n, "value")} from ${figure(range[0])} to ${figure(range[1])}, mean ${figure(sum)}.${rest}`;
}
