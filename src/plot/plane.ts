import { refuse } from "../errors.ts";
import { type Axis, axisOf } from "./axes.ts";
import type { Curves, RunHistory } from "./history.ts";
import { isShown, isShownByLog, type Line, type LineOptions, linesOf, rangeOf } from "./points.ts";

/** Options of curves, whatever they are drawn on, with their defaults. */
export const curveDefaults = {
  metric: "",
  x: undefined,
  xLabel: "epoch",
  yLabel: undefined,
  log: false,
  mark: undefined,
  markLabel: "best",
};

interface PlaneOptions extends LineOptions {
  readonly log: boolean;
  readonly mark: number | undefined;
}

type AxisOn = (places: readonly [number, number], most: number) => Axis;

/** Curves, and axes that have room for them. */
export interface Plane {
  readonly lines: readonly Line[];
  /** A position to mark, if any. */
  readonly mark: number | undefined;
  readonly yLabel: string;
  /** Whether the vertical axis has a place for a value; others are gaps. */
  readonly passes: (value: number) => boolean;
  /** The axis between two places, with `most` ticks, about. */
  readonly horizontal: AxisOn;
  readonly vertical: AxisOn;
}

/** Checks curves or a history, and prepares their axes. @throws as `linesOf`; AttributeError for a mark that is not a number. */
export function planeOf(op: string, given: Curves | RunHistory, options: PlaneOptions): Plane {
  const { log: isLog, mark } = options;
  const { lines, isWhole, yLabel } = linesOf(op, given, options);
  if (mark !== undefined && !(typeof mark === "number" && isShown(mark))) refuse(op, "mark", mark, "a position");
  const passes = isLog ? isShownByLog : isShown;
  const positions = [...lines.map(({ x }) => x), mark === undefined ? [] : [mark]];
  const heights = lines.map(({ y }) => y);
  return {
    lines,
    mark,
    yLabel,
    passes,
    horizontal: (places, most) => axisOf({ range: rangeOf(positions) ?? [0, 1], places, most, isWhole }),
    vertical: (places, most) =>
      axisOf({ range: rangeOf(heights, passes) ?? (isLog ? [0.1, 1] : [0, 1]), isLog, places, most, isRound: true }),
  };
}
