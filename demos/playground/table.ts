import papaparse from "papaparse";
import { mostPoints, type OwnPoint, type Task } from "./own.ts";
import { reach } from "./problems.ts";

export interface Read {
  readonly task: Task;
  readonly points: readonly OwnPoint[];
  /** What has been done to the numbers, in sentences. */
  readonly notes: readonly string[];
}

/**
 * Points from a table of three columns: two coordinates, and a class or value. Commas, semicolons or tabs part them; a
 * first row without numbers is a head.
 * @throws Error that names the row or column that does not fit.
 */
export function pointsOf(text: string): Read {
  const { data, errors } = papaparse.parse<string[]>(text.trim(), { skipEmptyLines: "greedy" });
  const open = errors.find(({ code }) => code === "MissingQuotes");
  if (open) throw new Error(`Row ${(open.row ?? 0) + 1} opens a quote that does not end.`);
  const isHead = data[0]?.slice(0, 2).every((cell) => !isNumber(cell));
  const rows = isHead ? data.slice(1) : data;
  if (rows.length === 0) throw new Error("There are no rows. Expected x, y and a label in each.");
  if (rows.length > mostPoints) throw new Error(`There are ${rows.length} rows; this page takes ${mostPoints}.`);
  const coordinates = rows.map((row, i) => {
    const line = `Row ${i + 1 + (isHead ? 1 : 0)}`;
    if (row.length < 3)
      throw new Error(
        `${line} has ${row.length} ${row.length === 1 ? "column" : "columns"}; expected x, y and a label, parted by commas, semicolons or tabs.`,
      );
    for (const cell of row.slice(0, 2))
      if (!isNumber(cell)) throw new Error(`${line} has "${cell}" for a coordinate; expected a number.`);
    if (row[2]!.trim() === "") throw new Error(`${line} has no label.`);
    return [Number(row[0]), Number(row[1])] as const;
  });
  const first = scaled(
    "x",
    coordinates.map(([x]) => x),
    reach,
    0.95 * reach,
  );
  const second = scaled(
    "y",
    coordinates.map(([, y]) => y),
    reach,
    0.95 * reach,
  );
  const labels = labelled(rows.map((row) => row[2]!.trim()));
  return {
    task: labels.task,
    points: rows.map((_, i) => ({ x: [first.values[i]!, second.values[i]!], y: labels.values[i]! })),
    notes: [...first.notes, ...second.notes, ...labels.notes],
  };
}

/** Numbers are those of a float32. */
const isNumber = (cell = ""): boolean => cell.trim() !== "" && Number.isFinite(Math.fround(Number(cell)));

interface Column {
  readonly values: readonly number[];
  readonly notes: readonly string[];
}

/** Values as they are if all lie within ±limit; otherwise stretched from −end to end. */
function scaled(name: string, values: readonly number[], limit: number, end: number): Column {
  const [least, most] = values.reduce(([a, b], value) => [Math.min(a, value), Math.max(b, value)], [1 / 0, -1 / 0]);
  if (least >= -limit && most <= limit) return { values, notes: [] };
  const half = (most - least) / 2 || 1;
  return {
    values: values.map((value) => (end * (value - (least + most) / 2)) / half),
    notes: [`${name} runs from ${least} to ${most}: scaled to fit.`],
  };
}

/** Two labels are classes; more of them are values, if they are numbers. */
function labelled(labels: readonly string[]): Column & { readonly task: Task } {
  const numeric = labels.every(isNumber);
  const kinds = [...new Set(labels)].sort((a, b) => (numeric ? Number(a) - Number(b) : a < b ? -1 : 1));
  if (kinds.length === 1)
    return { task: "classification", values: labels.map(() => 1), notes: ["One label: all blue."] };
  if (kinds.length === 2) {
    const notes = [`"${kinds[0]}" is orange, "${kinds[1]}" is blue.`];
    return { task: "classification", values: labels.map((label) => (label === kinds[0] ? -1 : 1)), notes };
  }
  if (!numeric)
    throw new Error(
      `The third column has ${kinds.length} labels (${kinds.slice(0, 4).join(", ")}…); expected two, or numbers.`,
    );
  return { task: "regression", ...scaled("The value", labels.map(Number), 1, 1) };
}
