import { paint } from "../../demos/terminal/format.ts";

/** A column: its heading, and what stands there for a row. Numbers stand to the right. */
export interface Column<Row> {
  readonly name: string;
  readonly left?: boolean;
  readonly cell: (row: Row) => string;
}

/** Rows as text, columns aligned. @param loud rows to mark. */
export function table<Row>(
  columns: readonly Column<Row>[],
  rows: readonly Row[],
  loud?: (row: Row) => boolean,
): string {
  const cells = rows.map((row) => columns.map(({ cell }) => cell(row)));
  const widths = columns.map(({ name }, k) => Math.max(name.length, ...cells.map((line) => line[k]!.length)));
  const align = (line: readonly string[]): string =>
    line
      .map((text, k) => (columns[k]!.left ? text.padEnd(widths[k]!) : text.padStart(widths[k]!)))
      .join("  ")
      .trimEnd();
  const head = paint("dim", align(columns.map(({ name }) => name)));
  const body = cells.map((line, i) => (loud?.(rows[i]!) ? paint("bold", align(line)) : align(line)));
  return [head, ...body].join("\n");
}
