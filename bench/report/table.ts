import { paint } from "../../demos/terminal/format.ts";
import type { Column } from "./columns.ts";

/** Minimum width of a number's column. */
const numberWidth = 7;

/** A table that grows row by row, with fixed column widths from the start. */
export class GrowingTable<Row> {
  readonly #columns: readonly Column<Row>[];
  readonly #widths: readonly number[];
  /** Columns printed above their rows, on separate lines. */
  readonly #above: readonly Column<Row>[];
  #heading = "";

  /**
   * @param known expected texts of each column, by the column's name.
   * @param room characters per line.
   */
  constructor(
    columns: readonly Column<Row>[],
    known: Readonly<Record<string, readonly string[]>> = {},
    room = Number.POSITIVE_INFINITY,
  ) {
    const widthOf = ({ name, left }: Column<Row>): number =>
      Math.max(name.length, left ? 0 : numberWidth, ...(known[name] ?? []).map(({ length }) => length));
    const total = (some: readonly Column<Row>[]): number =>
      some.reduce((sum, column) => sum + widthOf(column) + 2, 0) - 2;
    const isWide = total(columns) <= room;
    this.#above = isWide ? [] : columns.filter(({ above }) => above);
    let beside = isWide ? columns : columns.filter(({ above }) => !above);
    while (total(beside) > room && beside.some(({ minor }) => minor)) {
      const last = beside.findLastIndex(({ minor }) => minor);
      beside = beside.filter((_, i) => i !== last);
    }
    this.#columns = beside;
    this.#widths = beside.map(widthOf);
  }

  head(): string {
    return paint("dim", this.#align(this.#columns.map(({ name }) => name)));
  }

  /**
   * @param loud whether to highlight the row.
   */
  row(row: Row, loud = false): string {
    const heading = this.#above.map(({ cell }) => cell(row)).join("  ");
    const line = this.#align(this.#columns.map(({ cell }) => cell(row)));
    const lines = [loud ? paint("bold", line) : line];
    if (heading !== this.#heading) lines.unshift(heading);
    this.#heading = heading;
    return lines.join("\n");
  }

  #align(cells: readonly string[]): string {
    return cells
      .map((text, k) => (this.#columns[k]!.left ? text.padEnd(this.#widths[k]!) : text.padStart(this.#widths[k]!)))
      .join("  ")
      .trimEnd();
  }
}

/** Rows as text, in aligned columns. @param loud rows to highlight. */
export function table<Row>(
  columns: readonly Column<Row>[],
  rows: readonly Row[],
  room?: number,
  loud?: (row: Row) => boolean,
): string {
  const known = Object.fromEntries(columns.map(({ name, cell }) => [name, rows.map(cell)]));
  const all = new GrowingTable(columns, known, room);
  return [all.head(), ...rows.map((row) => all.row(row, loud?.(row)))].join("\n");
}
