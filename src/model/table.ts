/** A number with a comma after every three digits: 101,770. */
export const grouped = (n: number): string => n.toLocaleString("en-US");

/** A number in steps of a thousand or of 1024, with a unit and three digits. */
function scaled(n: number, step: number, units: readonly string[]): string {
  let [value, unit] = [n, 0];
  for (; value >= 999.5 && unit < units.length - 1; unit++) value /= step;
  return `${unit === 0 ? value : value.toPrecision(3)} ${units[unit]}`.trim();
}

/** Bytes: "397 KiB". */
export const showBytes = (n: number): string => scaled(n, 1024, ["B", "KiB", "MiB", "GiB", "TiB"]);

/** A count of operations: "12.8 M". */
export const showCount = (n: number): string => scaled(n, 1000, ["", "k", "M", "G", "T", "P"]);

/** Rows of cells in columns, the first row underlined. Columns whose number is in `right` are aligned to the right. */
export function table(rows: readonly (readonly string[])[], right: ReadonlySet<number>): string {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => [...row[column]!].length)));
  const line = (row: readonly string[]): string =>
    row
      .map((cell, column) => {
        const space = " ".repeat(widths[column]! - [...cell].length);
        return right.has(column) ? space + cell : cell + space;
      })
      .join("  ")
      .trimEnd();
  const rule = "─".repeat(widths.reduce((sum, width) => sum + width, 2 * (widths.length - 1)));
  const [head, ...others] = rows.map(line);
  return [head, rule, ...others, rule].join("\n");
}
