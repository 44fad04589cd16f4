import { checkWhole, refuse } from "../../errors.ts";
import type { Table } from "../table/table.ts";
import { piecesOf, type TextSource } from "./pieces.ts";
import { type CsvOptions, CsvReader } from "./reader.ts";

/**
 * Reads a CSV text into typed columns. PapaParse splits it; here each column gets a type, by the first 1,000 rows or as
 * stated: numbers, categories or texts. Spaces around fields are dropped, blank lines skipped.
 *
 * ```ts
 * const table = parseCsv(await readFile("penguins.csv", "utf8"), { name: "penguins.csv", types: { year: "category" } });
 * const { x, y } = table.dropMissing().dataset({ x: ["mass", "island"], y: "species" }, { normalize: "standard" });
 * ```
 *
 * @param text the whole file. For bytes, large files and streams, see `readCsv`.
 * @throws FormatError that names the row (counted from 1, the header included, as in a spreadsheet), the column, the text
 * and what was expected; also for a row with more or fewer fields than the header, and a quote that is not closed.
 */
export function parseCsv(text: string, options?: CsvOptions): Table {
  if (typeof text !== "string") refuse("parseCsv", "text", text, "the text of a file; readCsv takes bytes and streams");
  const reader = new CsvReader("parseCsv", options);
  // In pieces, so that fields of the whole text never exist at once.
  for (let at = 0; at < text.length; at += pieceLength) reader.take(text.slice(at, at + pieceLength));
  return reader.finish();
}

const pieceLength = 2 ** 19;

/**
 * `parseCsv` for a file that arrives in pieces: it holds the values of the columns, but not the text.
 *
 * ```ts
 * const table = await readCsv(await fetch("houses.csv"));           // in a page
 * const table = await readCsv(createReadStream("houses.csv"));      // in Node
 * ```
 *
 * @param source a Response, a File or other Blob, a stream, or an (async) iterable of texts or bytes.
 * @throws FormatError as `parseCsv`, for a failed response, and for bytes that are not in the encoding.
 */
export async function readCsv(source: TextSource, options?: CsvOptions): Promise<Table> {
  const reader = new CsvReader("readCsv", options);
  for await (const piece of piecesOf("readCsv", source, reader.options)) reader.take(piece);
  return reader.finish();
}

/** How a stream of CSV is read in pieces. */
export interface StreamCsvOptions extends CsvOptions {
  /** Rows of a table, at least, except for the last one. Default 65,536. */
  readonly rows?: number;
}

/**
 * `readCsv` for a file larger than memory: a table for every `rows` rows, one after the other.
 *
 * ```ts
 * for await (const table of streamCsv(createReadStream("clicks.csv"), { types: { ad: ["a", "b", "c"] } })) {
 *   const dataset = encoder.apply(table);
 *   for (const batch of batches(dataset, { batchSize: 256, dropLast: true })) await step.run(batch);
 * }
 * ```
 *
 * @throws as `readCsv`; FormatError for a column of categories that `types` does not list: their codes would differ from
 * table to table.
 */
export async function* streamCsv(
  source: TextSource,
  options: StreamCsvOptions = {},
): AsyncGenerator<Table, void, undefined> {
  const reader = new CsvReader("streamCsv", options, { rows: 65_536 });
  checkWhole("streamCsv", "rows", reader.options.rows);
  for await (const piece of piecesOf("streamCsv", source, reader.options)) {
    reader.take(piece);
    if (reader.rows >= reader.options.rows) yield reader.cut();
  }
  const last = reader.finish();
  if (last.rows > 0) yield last;
}
