import { line } from "d3-shape";
import {
  AttributeError,
  checkNumbers,
  checkObject,
  checkWhole,
  counted,
  optionsOf,
  refuse,
  ShapeError,
} from "../errors.ts";
import { type Axis, axesMarks, axisOf, type Box, roomFor } from "./axes.ts";
import { figure } from "./figure.ts";
import { legendOf } from "./legend.ts";
import { type Markup, tag } from "./markup.ts";
import { isShown, rangeOf } from "./points.ts";
import { type Surface, surfaceMarks } from "./surface.ts";
import { colours, dashes, heading, picture } from "./svg.ts";
import { letter } from "./width.ts";

/** Places in the plane: as many `x` as `y`. */
export interface Points {
  readonly x: ArrayLike<number>;
  readonly y: ArrayLike<number>;
}

/** How points of the plane are drawn. */
export interface ScatterOptions {
  /** Default "Points". */
  readonly title?: string;
  /** What the picture shows, for people who cannot see it. Default: how many points each group has, and where. */
  readonly description?: string;
  /** Lines through places, by name; default none. NaN is a gap. */
  readonly lines?: Readonly<Record<string, Points>>;
  /** A function over the plane, drawn as shades and contour lines behind the points; default none. */
  readonly surface?: Surface;
  /** Values of the contour lines; default nine, evenly spaced between the least and the greatest value. */
  readonly levels?: readonly number[];
  /** A value of the surface: shades below it have one colour, those above another. Default: one colour for all. */
  readonly middle?: number;
  /** Ends of the horizontal axis; default those of the points and lines, and a margin. A surface needs both axes. */
  readonly x?: readonly number[];
  /** Ends of the vertical axis; default as for `x`. */
  readonly y?: readonly number[];
  /** Title of the horizontal axis; default "x". */
  readonly xLabel?: string;
  /** Title of the vertical axis; default "y". */
  readonly yLabel?: string;
  /** Width of the picture; default 640. Letters are 12 high. */
  readonly width?: number;
  /** Height of the picture; default 480. */
  readonly height?: number;
}

/** How many marks differ by their form. */
const forms = 4;

/**
 * Points in the plane as an SVG image, with lines and a surface where they are given, in light or dark colours as the
 * reader prefers. Groups differ by colour and form.
 *
 * ```ts
 * scatter({ "class 0": { x: [0, 1], y: [0, 1] }, "class 1": { x: [0, 1], y: [1, 0] } }, { title: "XOR" });
 * ```
 *
 * @param points groups by name; `{}` for lines or a surface alone.
 * @returns the text of an `<svg>` element, also a complete file.
 * @throws AttributeError for anything but numbers, or a surface without the ends of the axes.
 * @throws ShapeError where a group has more `x` than `y`, or a surface is not a square of values.
 */
export function scatter(points: Readonly<Record<string, Points>>, options: ScatterOptions = {}): string {
  const op = "scatter";
  const o = optionsOf(op, options, {
    title: "Points",
    description: "",
    lines: {},
    surface: undefined,
    levels: undefined,
    middle: undefined,
    x: undefined,
    y: undefined,
    xLabel: "x",
    yLabel: "y",
    width: 640,
    height: 480,
  });
  checkWhole(op, "width", o.width, 160);
  checkWhole(op, "height", o.height, 120);
  const groups = groupsOf(op, "the points", points);
  const lines = groupsOf(op, "lines", o.lines);
  const all = [...groups, ...lines].map(([, places]) => places);
  const [rangeX, rangeY] = (["x", "y"] as const).map(
    (name) => endsOf(op, name, o[name]) ?? roomyRange(all.map((places) => places[name])),
  ) as [Range, Range];
  if (o.surface !== undefined && !(o.x && o.y))
    throw new AttributeError(`${op}: surface needs the ends of both axes, such as { x: [0, 1], y: [0, 1] }`);

  const legend = legendOf(
    [
      ...lines.map(([name], i) => ({ name, colour: i % colours, dash: dashes[i % dashes.length] })),
      ...groups.map(([name], i) => ({ name, colour: i % colours, mark: (x: number, y: number) => markOf(i, x, y) })),
    ],
    o.width,
  );
  const [top, bottom] = [2.5 * letter + legend.height, o.height - (o.xLabel ? 4 : 2.5) * letter];
  const most = (places: number, each: number): number => Math.max(2, Math.floor(places / each));
  const vertical = axisOf({ range: rangeY, places: [bottom, top], most: most(bottom - top, 36) });
  const left = Math.ceil(roomFor(vertical)) + (o.yLabel ? 2.5 : 1) * letter + 8;
  const box: Box = { left, right: o.width - 1.5 * letter, top, bottom };
  const horizontal = axisOf({ range: rangeX, places: [left, box.right], most: most(box.right - left, 64) });
  return picture(
    { width: o.width, height: o.height, title: o.title, description: o.description || described(groups, lines) },
    heading(o.title, o.width),
    ...legend.rows,
    ...(o.surface === undefined ? [] : [cut(box, surfaceMarks(op, o.surface, { ...o, x: rangeX, y: rangeY }, box))]),
    ...axesMarks(box, horizontal, vertical, { x: o.xLabel, y: o.yLabel }),
    cut(
      box,
      lines.map(([, places], i) => lineMark(places, i, horizontal, vertical)),
    ),
    ...groups.map(([, places], i) => pointMarks(within(places, rangeX, rangeY), i, horizontal, vertical)),
  );
}

type Range = readonly [number, number];
type Group = readonly [name: string, places: Points];

/** Groups after a check. */
function groupsOf(op: string, what: string, groups: Readonly<Record<string, Points>>): Group[] {
  checkObject(op, what, groups, "groups by name, { name: { x: [numbers], y: [numbers] } }");
  return Object.entries(groups).map(([name, places]) => {
    checkObject(op, `"${name}"`, places, "{ x: [numbers], y: [numbers] }");
    const { x, y } = places;
    checkNumbers(op, `x of "${name}"`, x);
    checkNumbers(op, `y of "${name}"`, y);
    if (x.length !== y.length)
      throw new ShapeError(`${op}: "${name}" has ${x.length} values x and ${y.length} values y, expected as many`);
    return [name, places];
  });
}

/** Ends of an axis after a check. */
function endsOf(op: string, name: string, ends: readonly number[] | undefined): Range | undefined {
  if (ends === undefined) return undefined;
  const [low, high] = Array.isArray(ends) ? [ends[0]!, ends[1]!] : [Number.NaN, Number.NaN];
  const isRange = ends.length === 2 && isShown(low) && isShown(high) && low < high;
  return isRange ? [low, high] : refuse(op, name, ends, "the ends of an axis, such as [-1, 1]");
}

/** All values, and a twentieth of their range on both sides, so that no mark is cut. */
function roomyRange(lists: readonly ArrayLike<number>[]): Range {
  const [low, high] = rangeOf(lists) ?? [0, 1];
  const margin = (high - low) / 20 || 0.5;
  return [low - margin, high + margin];
}

/** Marks without what lies outside of the axes: a picture of its own cuts that. */
function cut({ left, right, top, bottom }: Box, marks: readonly Markup[]): Markup {
  const [width, height] = [right - left, bottom - top];
  const viewBox = [left, top, width, height].map(hundredth).join(" ");
  return tag("svg", { x: left, y: top, width, height, viewBox }, ...marks);
}

/** The places between the ends of both axes: a mark is whole or missing. */
function within({ x, y }: Points, [west, east]: Range, [south, north]: Range): Points {
  const rows = Array.from(x, (_, i) => i);
  const kept = rows.filter((i) => x[i]! >= west && x[i]! <= east && y[i]! >= south && y[i]! <= north);
  return { x: kept.map((i) => x[i]!), y: kept.map((i) => y[i]!) };
}

/** A mark of group `index`: a disc, a square, a diamond or a triangle. */
function markOf(index: number, x: number, y: number): Markup {
  const mark = { class: `d${index % colours} edge` };
  const r = 5;
  switch (index % forms) {
    case 0:
      return tag("circle", { ...mark, cx: x, cy: y, r });
    case 1:
      return tag("rect", { ...mark, x: x - 0.9 * r, y: y - 0.9 * r, width: 1.8 * r, height: 1.8 * r });
    case 2:
      return tag("path", {
        ...mark,
        d: corners([x, y - 1.3 * r], [x + 1.3 * r, y], [x, y + 1.3 * r], [x - 1.3 * r, y]),
      });
    default:
      return tag("path", {
        ...mark,
        d: corners([x, y - 1.2 * r], [x + 1.1 * r, y + 0.8 * r], [x - 1.1 * r, y + 0.8 * r]),
      });
  }
}

const hundredth = (value: number): number => Math.round(100 * value) / 100;

const corners = (...places: readonly (readonly [number, number])[]): string =>
  `M${places.map(([x, y]) => `${hundredth(x)} ${hundredth(y)}`).join("L")}Z`;

function pointMarks({ x, y }: Points, index: number, horizontal: Axis, vertical: Axis): Markup {
  const marks = Array.from(x, (value, i) => markOf(index, horizontal.at(value), vertical.at(y[i]!)));
  return tag("g", { class: "points" }, ...marks);
}

function lineMark({ x, y }: Points, index: number, horizontal: Axis, vertical: Axis): Markup {
  const path = line<number>(
    (i) => horizontal.at(x[i]!),
    (i) => vertical.at(y[i]!),
  )
    .defined((i) => isShown(x[i]!) && isShown(y[i]!))
    .digits(2);
  return tag("path", {
    class: `s${index % colours}`,
    d: path(Array.from(x, (_, i) => i)) ?? "",
    fill: "none",
    "stroke-width": 2,
    "stroke-linejoin": "round",
    "stroke-dasharray": dashes[index % dashes.length],
  });
}

/** Groups and lines in a sentence each. */
function described(groups: readonly Group[], lines: readonly Group[]): string {
  const where = ({ x, y }: Points): string => {
    const [wide, high] = [rangeOf([x]), rangeOf([y])];
    if (!wide || !high) return "none is shown";
    return `x from ${figure(wide[0])} to ${figure(wide[1])}, y from ${figure(high[0])} to ${figure(high[1])}`;
  };
  return [
    ...groups.map(([name, places]) => `${name}: ${counted(places.x.length, "point")}, ${where(places)}.`),
    ...lines.map(([name, places]) => `Line ${name}: ${where(places)}.`),
  ].join(" ");
}
