import { checkWhole, optionsOf } from "../../errors.ts";
import type { CurveOptions } from "../curves.ts";
import type { Curves, RunHistory } from "../history.ts";
import { curveDefaults, planeOf } from "../plane.ts";
import { thinned } from "../points.ts";
import { Canvas, inked } from "./canvas.ts";

/** How learning curves are drawn with characters. */
export interface CurveTextOptions
  extends Pick<CurveOptions, "title" | "metric" | "x" | "xLabel" | "yLabel" | "log" | "mark" | "markLabel"> {
  /** Characters per line; default 80. */
  readonly columns?: number;
  /** Lines of the curves, without axis and legend; default 14. */
  readonly rows?: number;
  /** Whether to use the terminal's colours; default false. */
  readonly color?: boolean;
}

/** Marks of the second and later curves where there are no colours. */
const marks = ["×", "+", "o", "#"];

/**
 * Curves over epochs as text for a terminal: as `learningCurves`, in characters of Unicode's braille. Without colours,
 * the first curve is a line, and others are marks.
 * @returns lines of at most `columns` characters, without a final line break.
 * @throws as `learningCurves`.
 */
export function learningCurvesText(curves: Curves | RunHistory, options: CurveTextOptions = {}): string {
  const op = "learningCurvesText";
  const o = optionsOf(op, options, { title: "", ...curveDefaults, columns: 80, rows: 14, color: false });
  checkWhole(op, "columns", o.columns, 24);
  checkWhole(op, "rows", o.rows, 3);
  const { lines, mark, yLabel, passes, ...axes } = planeOf(op, curves, o);

  const vertical = axes.vertical([4 * o.rows - 1, 0], Math.max(4, Math.floor(o.rows / 3)));
  const room = Math.max(...vertical.ticks.map(({ label }) => label.length)) + 1;
  const canvas = new Canvas(o.columns - room - 1, o.rows);
  const horizontal = axes.horizontal([0, 2 * canvas.columns - 1], Math.max(2, Math.floor(canvas.columns / 10)));
  const column = (value: number): number => Math.round(horizontal.at(value));
  if (mark !== undefined) for (let row = 0; row < o.rows; row++) canvas.mark(column(mark), 4 * row, "╎", lines.length);
  lines.forEach((each, index) => {
    const kept = thinned(each, column, passes);
    const placed = kept.map((i) =>
      passes(each.y[i]!) ? ([column(each.x[i]!), Math.round(vertical.at(each.y[i]!))] as const) : undefined,
    );
    placed.forEach((at, k) => {
      if (!at) return;
      const [before, behind] = [placed[k - 1], placed[k + 1]];
      if (index > 0 && !o.color) canvas.mark(...at, marks[(index - 1) % marks.length]!, index);
      else if (before) canvas.line(before, at, index);
      else if (!behind) canvas.mark(...at, "•", index);
    });
  });

  const labels = new Map(
    vertical.ticks.map(({ value, label }) => [Math.floor(Math.round(vertical.at(value)) / 4), label]),
  );
  const drawn = Array.from({ length: o.rows }, (_, row) => {
    const label = labels.get(row);
    return `${(label ?? "").padStart(room - 1)} ${label === undefined ? "│" : "┤"}${canvas.row(row, o.color)}`.trimEnd();
  });
  const sample = (index: number): string => (index === 0 || o.color ? "⠤⠤" : marks[(index - 1) % marks.length]!);
  const named = (mark: string, i: number, name: string): string =>
    `${inked(mark, i, o.color)} ${cut(name, o.columns - mark.length - 1)}`;
  const legend = lines.map(({ name }, i) => named(sample(i), i, name));
  if (mark !== undefined) legend.push(named("╎", lines.length, o.markLabel));
  return [
    ...[o.title, yLabel].filter((text) => text !== "").map((text) => cut(text, o.columns)),
    ...drawn,
    ...axisLines(
      horizontal.ticks.map(({ value, label }) => [Math.floor(column(value) / 2), label]),
      canvas.columns,
      room,
      cut(o.xLabel, canvas.columns),
    ),
    ...wrapped(legend, o.columns),
  ].join("\n");
}

/** The horizontal axis and its labels, those that fit between their neighbours. */
function axisLines(ticks: readonly [number, string][], columns: number, room: number, title: string): string[] {
  const rule = Array.from({ length: columns }, () => "─");
  let labels = "";
  for (const [at, label] of ticks) {
    const from = Math.max(0, Math.min(columns - label.length, at - Math.floor(label.length / 2)));
    if (labels !== "" && from < labels.length + 1) continue;
    labels = labels.padEnd(from) + label;
    rule[at] = "┬";
  }
  const margin = " ".repeat(room + 1);
  const fits = labels.length + 2 + title.length <= columns;
  const below = fits ? [`${labels}  ${title}`] : [labels, title.padStart(Math.floor((columns + title.length) / 2))];
  return [`${" ".repeat(room)}└${rule.join("")}`, ...below.map((line) => (margin + line).trimEnd())];
}

/** Words that fit into so many characters: cut, with an ellipsis, if they are longer. */
const cut = (words: string, most: number): string => (words.length <= most ? words : `${words.slice(0, most - 1)}…`);

/** Words in as few lines as they fit into. */
function wrapped(items: readonly string[], columns: number): string[] {
  const lines: string[] = [];
  for (const item of items) {
    const longer = `${lines.at(-1)}   ${item}`;
    if (lines.length > 0 && visible(longer) <= columns) lines[lines.length - 1] = longer;
    else lines.push(item);
  }
  return lines;
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: colours of a terminal begin with one
const visible = (text: string): number => text.replace(/\u001b\[\d+m/g, "").length;
