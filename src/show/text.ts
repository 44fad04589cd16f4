/*
 * Values as text that a person reads. Unlike `console.log`, it is the same in Node and in every browser.
 */

/** A number with at most six significant digits. */
const numberText = (value: number): string =>
  Number.isInteger(value) || !Number.isFinite(value) ? String(value) : String(Number(value.toPrecision(6)));

/** How many elements of a list are shown, and how many levels of nesting. */
const [mostItems, mostLevels] = [100, 4];

interface Grid {
  readonly data: ArrayLike<number>;
  readonly shape: readonly number[];
}

/** Whether it is a tensor's values: `{ data, shape }`, as programs take and give them. */
function isGrid(value: unknown): value is Grid {
  const { data, shape } = Object(value) as Partial<Grid>;
  return ArrayBuffer.isView(data) && Array.isArray(shape) && shape.every(Number.isInteger);
}

/** Whether an object has no class of its own. */
export const isPlain = (value: unknown): value is Record<string, unknown> => {
  if (typeof value !== "object" || value === null) return false;
  const prototype = Object.getPrototypeOf(value) as object | null;
  return prototype === null || Object.getPrototypeOf(prototype) === null;
};

/** A value in words. Text inside of lists and objects stands in quotes. */
export function textOf(value: unknown, level = 0): string {
  if (typeof value === "number") return numberText(value);
  if (typeof value === "string") return level === 0 ? value : JSON.stringify(value);
  if (typeof value === "bigint") return `${value}n`;
  if (typeof value === "function") return `function ${value.name || "without a name"}`;
  if (typeof value !== "object" || value === null) return String(value);
  if (value instanceof Error) return `${value.name}: ${value.message}`;
  if (isGrid(value)) return gridText(value);
  if (level >= mostLevels) return "…";
  if (Array.isArray(value)) return listText(value, level);
  if (ArrayBuffer.isView(value) && "length" in value)
    return `${value.constructor.name}(${value.length}) ${listText(value as unknown as ArrayLike<number>, level)}`;
  if (value instanceof Map) return `Map(${value.size}) ${entriesText([...value], level)}`;
  if (value instanceof Set) return `Set(${value.size}) ${listText([...value], level)}`;
  if (!isPlain(value) && Object.prototype.toString !== value.toString) return String(value);
  const name = isPlain(value) ? "" : `${value.constructor.name} `;
  return name + entriesText(Object.entries(value), level);
}

function listText(list: ArrayLike<unknown>, level: number): string {
  const items = Array.from({ length: Math.min(list.length, mostItems) }, (_, i) => textOf(list[i], level + 1));
  if (list.length > mostItems) items.push(`… ${list.length - mostItems} more`);
  return `[${items.join(", ")}]`;
}

function entriesText(entries: readonly (readonly [unknown, unknown])[], level: number): string {
  const items = entries
    .slice(0, mostItems)
    .map(([key, value]) => `${typeof key === "string" ? key : textOf(key, level + 1)}: ${textOf(value, level + 1)}`);
  if (entries.length > mostItems) items.push(`… ${entries.length - mostItems} more`);
  return items.length === 0 ? "{}" : `{ ${items.join(", ")} }`;
}

/** Rows and columns of a matrix that are shown. */
const [mostRows, mostColumns] = [20, 12];

/** The values of a tensor: its shape, then a matrix in aligned columns, or the first one of several. */
function gridText({ data, shape }: Grid): string {
  const title = `[${shape.join(", ")}]`;
  if (shape.length === 0) return numberText(data[0]!);
  if (shape.length === 1) return `${title} ${listText(data, 1).slice(1, -1)}`;
  const [rows, columns] = shape.slice(-2) as [number, number];
  const cells = Array.from({ length: Math.min(rows, mostRows) }, (_, row) => {
    const line = Array.from({ length: Math.min(columns, mostColumns) }, (_, i) => numberText(data[row * columns + i]!));
    return columns > mostColumns ? [...line, "…"] : line;
  });
  const below = rows > mostRows ? ["  …"] : [];
  const which = shape.length > 2 ? [`${title}, the first matrix:`] : [title];
  return [...which, ...alignedRows(cells), ...below].join("\n");
}

/** Cells in columns of one width, numbers on the right. */
export function alignedRows(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows.map((row) => `  ${row.map((cell, i) => cell.padStart(widths[i]!)).join("  ")}`);
}
