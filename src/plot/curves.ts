import { line } from "d3-shape";
import { checkWhole, counted, optionsOf } from "../errors.ts";
import { type Axis, axesMarks, type Box, roomFor } from "./axes.ts";
import { figure } from "./figure.ts";
import type { Curves, RunHistory } from "./history.ts";
import { legendOf } from "./legend.ts";
import { type Markup, tag } from "./markup.ts";
import { curveDefaults, planeOf } from "./plane.ts";
import { type Line, thinned } from "./points.ts";
import { colours, dashes, heading, picture } from "./svg.ts";
import { letter } from "./width.ts";

/** How learning curves are drawn. */
export interface CurveOptions {
  /** Default "Learning curves". */
  readonly title?: string;
  /** What the picture shows, for people who cannot see it. Default: each curve's ends and its lowest value. */
  readonly description?: string;
  /** Of a history: what to draw, in training and, as far as it is there, in validation; default "loss". */
  readonly metric?: string;
  /** Position of each value, ascending; default 1, 2, 3, …, or the epochs of a history. */
  readonly x?: ArrayLike<number>;
  /** Title of the horizontal axis; default "epoch". */
  readonly xLabel?: string;
  /** Title of the vertical axis, such as "loss"; default the metric of a history. */
  readonly yLabel?: string;
  /** Whether the vertical axis is logarithmic; default false. Values below 1e-300 are gaps then. */
  readonly log?: boolean;
  /** A position to mark, such as that of the epoch whose weights were kept; default none. */
  readonly mark?: number;
  /** What the mark is, for the legend; default "best". */
  readonly markLabel?: string;
  /** Width of the picture; default 640. Letters are 12 high. */
  readonly width?: number;
  /** Height of the picture; default 400. */
  readonly height?: number;
}

/**
 * Curves over epochs as an SVG image, in light or dark colours as the reader prefers. It needs no page.
 *
 * ```ts
 * const { history } = await trainer.fit(…);
 * await writeFile("loss.svg", learningCurves(history));
 * ```
 *
 * NaN, values beyond ±1e300 and, on a logarithmic axis, those below 1e-300 are gaps. Any number of values is drawn: those that the
 * picture is too narrow to show are left out, and each column of it keeps its extremes.
 * @param curves the history of a fit, or curves by name.
 * @returns the text of an `<svg>` element, also a complete file.
 * @throws AttributeError for anything but numbers, for positions that do not ascend, or for an unknown metric.
 * @throws ShapeError for more values than positions.
 */
export function learningCurves(curves: Curves | RunHistory, options: CurveOptions = {}): string {
  const op = "learningCurves";
  const o = optionsOf(op, options, {
    title: "Learning curves",
    description: "",
    ...curveDefaults,
    width: 640,
    height: 400,
  });
  checkWhole(op, "width", o.width, 160);
  checkWhole(op, "height", o.height, 120);
  const { lines, mark, yLabel, passes, ...axes } = planeOf(op, curves, o);
  const named = lines.map(({ name }, i) => ({ name, colour: i % colours, dash: dashes[i % dashes.length] }));
  const marked = mark === undefined ? [] : [{ name: o.markLabel, colour: 7, dash: "1 3" }];
  const { rows, height: legend } = legendOf([...named, ...marked], o.width);

  const bottom = o.height - (o.xLabel ? 4 : 2.5) * letter;
  const top = 2.5 * letter + legend;
  const vertical = axes.vertical([bottom, top], Math.max(2, Math.floor((bottom - top) / 36)));
  const left = Math.ceil(roomFor(vertical)) + (yLabel ? 2.5 : 1) * letter + 8;
  const box: Box = { left, right: o.width - 1.5 * letter, top, bottom };
  const horizontal = axes.horizontal([left, box.right], Math.max(2, Math.floor((box.right - left) / 64)));
  const description = o.description || lines.map((each) => described(each, o.xLabel, passes)).join(" ");
  return picture(
    { width: o.width, height: o.height, title: o.title, description },
    heading(o.title, o.width),
    ...rows,
    ...axesMarks(box, horizontal, vertical, { x: o.xLabel, y: yLabel }),
    ...(mark === undefined ? [] : [markLine(horizontal.at(mark), box)]),
    ...lines.map((each, i) => drawn(each, i, horizontal, vertical, passes)),
  );
}

const markLine = (x: number, { top, bottom }: Box): Markup =>
  tag("path", { class: "s7", d: `M${Math.round(x * 100) / 100} ${top}V${bottom}`, "stroke-dasharray": "1 3" });

/** A curve, with its single points as dots. */
function drawn(
  { name, x, y }: Line,
  index: number,
  horizontal: Axis,
  vertical: Axis,
  passes: (value: number) => boolean,
): Markup {
  const kept = thinned({ name, x, y }, (value) => Math.floor(horizontal.at(value)), passes);
  const shows = (i: number | undefined): boolean => i !== undefined && passes(y[i]!);
  const path = line<number>(
    (i) => horizontal.at(x[i]!),
    (i) => vertical.at(y[i]!),
  )
    .defined(shows)
    .digits(2);
  const colour = index % colours;
  const alone = kept.filter((i, k) => shows(i) && !shows(kept[k - 1]) && !shows(kept[k + 1]));
  return tag(
    "g",
    {},
    tag("path", {
      class: `s${colour}`,
      d: path(kept) ?? "",
      fill: "none",
      "stroke-width": 1.75,
      "stroke-linejoin": "round",
      "stroke-dasharray": dashes[index % dashes.length],
    }),
    ...alone.map((i) => tag("circle", { class: `d${colour}`, cx: horizontal.at(x[i]!), cy: vertical.at(y[i]!), r: 3 })),
  );
}

/** A curve in a sentence. */
function described({ name, x, y }: Line, unit: string, passes: (value: number) => boolean): string {
  let [first, least, last, gaps] = [-1, -1, -1, 0];
  for (let i = 0; i < y.length; i++) {
    if (!passes(y[i]!)) {
      gaps++;
      continue;
    }
    if (first < 0) first = least = i;
    if (y[i]! < y[least]!) least = i;
    last = i;
  }
  if (first < 0) return `${name}: no values.`;
  const gap = gaps > 0 ? ` ${gaps} of ${counted(y.length, "value")} ${gaps === 1 ? "is" : "are"} not shown.` : "";
  if (first === last) return `${name}: ${figure(y[first]!)} at ${unit} ${figure(x[first]!)}.${gap}`;
  return `${name}: from ${figure(y[first]!)} to ${figure(y[last]!)}, lowest ${figure(y[least]!)} at ${unit} ${figure(x[least]!)}.${gap}`;
}
