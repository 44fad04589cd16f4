import { alignedRows, isPlain, textOf } from "./text.ts";

/** What a value looks like: each kind also as text, for terminals and for people who cannot see it. */
export type Output =
  | { readonly kind: "text"; readonly text: string }
  | {
      readonly kind: "table";
      readonly columns: readonly string[];
      readonly rows: readonly (readonly string[])[];
      readonly text: string;
    }
  | { readonly kind: "picture"; readonly svg: string; readonly text: string };

/**
 * How a value is shown: SVG as a picture, a list of flat objects as a table, anything else as text. Numbers have at most
 * six significant digits.
 * @param value anything; pictures are those of tilegrad/plot, or other texts that begin with `<svg`.
 */
export function outputOf(value: unknown): Output {
  if (typeof value === "string" && value.startsWith("<svg"))
    return { kind: "picture", svg: value, text: wordsOf(value) };
  if (isRows(value)) return tableOf(value);
  return { kind: "text", text: textOf(value) };
}

/** Title and description of a picture. */
function wordsOf(svg: string): string {
  const [, title = "a picture"] = /<title>([^<]*)<\/title>/.exec(svg) ?? [];
  const [, description = ""] = /<desc>([^<]*)<\/desc>/.exec(svg) ?? [];
  return plain(description ? `${title}: ${description}` : title);
}

const entities: Readonly<Record<string, string>> = { lt: "<", gt: ">", quot: '"', "#39": "'", amp: "&" };

const plain = (markup: string): string =>
  markup.replace(/&(lt|gt|quot|#39|amp);/g, (_, name: string) => entities[name]!);

type Row = Readonly<Record<string, unknown>>;

const isRows = (value: unknown): value is readonly Row[] =>
  Array.isArray(value) &&
  value.length > 0 &&
  value.every((row) => isPlain(row) && Object.values(row).every((cell) => Object(cell) !== cell));

function tableOf(list: readonly Row[]): Output {
  const columns = [...new Set(list.flatMap((row) => Object.keys(row)))];
  const rows = list.map((row) => columns.map((column) => (column in row ? textOf(row[column]) : "")));
  return { kind: "table", columns, rows, text: alignedRows([columns, ...rows]).join("\n") };
}
