import { type Markup, tag } from "./markup.ts";
import { words } from "./svg.ts";
import { fitted, letter, widthOf } from "./width.ts";

/** A name, and the line or mark that it explains. */
export interface Entry {
  readonly name: string;
  /** The number of its colour. */
  readonly colour: number;
  /** Dashes of its line. */
  readonly dash?: string | undefined;
  /** What is drawn in place of a line, around a point. */
  readonly mark?: (x: number, y: number) => Markup;
}

/** Space for a sample, with its distance from the name. */
const sample = 28;

/** Samples with their names below a picture's title, in as many rows as they need. */
export function legendOf(entries: readonly Entry[], width: number): { rows: Markup[]; height: number } {
  const most = width - 2 * letter;
  let [x, row] = [0, 0];
  const placed = entries.map((entry) => {
    const name = fitted(entry.name, most - sample);
    const wide = sample + widthOf(name) + 1.5 * letter;
    if (x > 0 && x + wide > most) [x, row] = [0, row + 1];
    const at = { ...entry, name, x, row };
    x += wide;
    return at;
  });
  const rows = placed.flatMap(({ name, x, row, colour, dash, mark }) => {
    const y = 3.2 * letter + 1.5 * letter * row;
    const d = `M${Math.round(letter + x)} ${y - 4}h20`;
    const line = { class: `s${colour}`, d, "stroke-width": 2.5, "stroke-dasharray": dash };
    return [mark ? mark(letter + x + 12, y - 4) : tag("path", line), words(letter + x + sample, y, name)];
  });
  return { rows, height: entries.length === 0 ? 0 : 1.5 * letter * (row + 1) };
}
