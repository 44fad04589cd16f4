import { checkNumbers, checkWhole, counted, optionsOf, refuse, ShapeError } from "../errors.ts";
import { namesOf } from "./confusion.ts";
import { figure } from "./figure.ts";
import { type Markup, rounded, tag } from "./markup.ts";
import { heading, picture, words } from "./svg.ts";
import { fitted, letter, widthOf } from "./width.ts";

/** How a matrix is drawn as a picture. */
export interface HeatmapOptions {
  /** Default "Heatmap". */
  readonly title?: string;
  /** What the picture shows, for people who cannot see it. Default: where the largest values of the first rows are. */
  readonly description?: string;
  /** Names of the rows, from the top; they may repeat. */
  readonly rows: readonly string[];
  /** Names of the columns, from the left; they may repeat. */
  readonly columns: readonly string[];
  /** A name for each of several matrices, which stand side by side; default one matrix without a name. */
  readonly panels?: readonly string[];
  /** Values of cells without and with full colour; default from 0 to the largest value. */
  readonly range?: readonly [empty: number, full: number];
  /** Width of the picture; default 640. */
  readonly width?: number;
}

/** A cell is at most this wide and high, and this wide at least if there are several panels. */
const [largest, smallest] = [32, 12];

/**
 * A matrix as a grid of coloured cells with names for rows and columns, such as the weights of attention, as an SVG image
 * in light or dark colours as the reader prefers.
 * @param values `[rows, columns]`, or `[panels, rows, columns]`, row-major. NaN is left empty.
 * @returns the text of an `<svg>` element, also a complete file.
 * @throws ShapeError if the number of values is not that of the names. AttributeError for a range without extent.
 */
export function heatmap(values: ArrayLike<number>, options: HeatmapOptions): string {
  const op = "heatmap";
  const o = optionsOf(op, options, {
    title: "Heatmap",
    description: "",
    rows: undefined,
    columns: undefined,
    panels: undefined,
    range: undefined,
    width: 640,
  });
  if (Object(values) !== values) refuse(op, "the values", values, "an array of numbers");
  checkNumbers(op, "the values", values);
  const [rows, columns] = [namesOf(op, "rows", o.rows), namesOf(op, "columns", o.columns)];
  const panels = o.panels === undefined ? undefined : namesOf(op, "panels", o.panels);
  const count = panels?.length ?? 1;
  const area = rows.length * columns.length;
  if (values.length !== count * area)
    throw new ShapeError(
      `${op}: ${counted(values.length, "value")} for ${panels ? `${counted(count, "panel")} of ` : ""}${counted(rows.length, "row")} and ${counted(columns.length, "column")}`,
    );
  checkWhole(op, "width", o.width, 80);
  const [empty, full] = rangeOf(op, values, o.range);

  // Names of rows get at most a quarter of the picture; those of columns are turned if one is wider than a cell.
  const room = Math.min(o.width / 4, Math.max(...rows.map((row) => widthOf(row))));
  const left = Math.ceil(room) + 1.5 * letter;
  const beside = Math.max(1, Math.min(count, Math.floor(o.width / (left + letter + smallest * columns.length))));
  const share = o.width / beside;
  const cell = Math.max(1, Math.min(largest, (share - left - letter) / columns.length));
  const isTurned = columns.some((column) => widthOf(column) + 4 > cell);
  const longest = Math.min(o.width / 4, Math.max(...columns.map((column) => widthOf(column))));
  const below = (isTurned ? Math.ceil(longest) + letter : 1.5 * letter) + (panels ? 1.5 * letter : 0);
  const top = 2.5 * letter;
  const high = cell * rows.length + below + letter;

  const panel = (at: number): Markup[] => {
    const [x0, y0] = [(at % beside) * share + left, top + Math.floor(at / beside) * high];
    const cells: Markup[] = [];
    for (let i = 0; i < area; i++) {
      const value = values[at * area + i]!;
      const strength = Math.min(1, (value - empty) / (full - empty));
      if (!(strength > 0.004)) continue;
      const [x, y] = [x0 + (i % columns.length) * cell, y0 + Math.floor(i / columns.length) * cell];
      cells.push(tag("rect", { class: "cell", x, y, width: cell, height: cell, "fill-opacity": strength }));
    }
    const every = Math.ceil((letter + 2) / cell);
    const [wide, tall] = [cell * columns.length, cell * rows.length];
    return [
      ...cells,
      tag("rect", { class: "line", x: x0, y: y0, width: wide, height: tall, fill: "none" }),
      ...rows.flatMap((row, i) =>
        i % every > 0
          ? []
          : words(x0 - 6, y0 + (i + 0.5) * cell + letter / 3, fitted(row, room), { "text-anchor": "end" }),
      ),
      ...columns.flatMap((column, i) => {
        const [x, y] = [x0 + (i + 0.5) * cell, y0 + tall + 6];
        if (!isTurned) return words(x, y + 0.8 * letter, column, { "text-anchor": "middle" });
        const turned = { "text-anchor": "end", transform: `rotate(-90 ${rounded(x)} ${rounded(y)})` };
        return i % every > 0 ? [] : words(x, y, fitted(column, longest), { ...turned, dy: letter / 3 });
      }),
      ...(panels
        ? [
            words(x0 + wide / 2, y0 + tall + below, fitted(panels[at]!, share), {
              class: "soft",
              "text-anchor": "middle",
            }),
          ]
        : []),
    ];
  };
  return picture(
    {
      width: o.width,
      height: top + Math.ceil(count / beside) * high,
      title: o.title,
      description: o.description || described(values, rows, columns),
    },
    heading(o.title, o.width),
    ...Array.from({ length: count }, (_, at) => panel(at)).flat(),
  );
}

function rangeOf(
  op: string,
  values: ArrayLike<number>,
  given: readonly [number, number] | undefined,
): readonly [number, number] {
  if (given === undefined) {
    let most = 0;
    for (let i = 0; i < values.length; i++) if (values[i]! > most) most = values[i]!;
    return [0, most || 1];
  }
  const fits =
    Array.isArray(given) && given.length === 2 && given.every((n) => Number.isFinite(n)) && given[1] > given[0];
  return fits ? given : refuse(op, "range", given, "two numbers, the smaller one first");
}

/** Where the first rows of the first matrix have their largest values. */
function described(values: ArrayLike<number>, rows: readonly string[], columns: readonly string[]): string {
  const peaks = rows.slice(0, 12).map((row, i) => {
    let best = 0;
    for (let k = 1; k < columns.length; k++)
      if (values[i * columns.length + k]! > values[i * columns.length + best]!) best = k;
    return `${row} at ${columns[best]} (${figure(values[i * columns.length + best]!, 2)})`;
  });
  return `${rows.length} rows and ${columns.length} columns. Largest values: ${peaks.join(", ")}.`;
}
