import Papa from "papaparse";
import { FormatError } from "../../errors.ts";

export interface RecordOptions {
  /** Of the file in error messages. */
  readonly name: string;
  readonly delimiter: string | undefined;
  readonly comment: string | undefined;
}

/** Characters of a record beyond which a quote is probably not closed. */
const longest = 2 ** 24;

/**
 * Takes a text piece by piece and gives its records, lists of fields; a quoted field may hold delimiters, quotes (doubled)
 * and line breaks (RFC 4180). Keeps only the text of the record that is not complete yet.
 */
export class Records {
  readonly #options: RecordOptions;
  #parser: Papa.Parser | undefined;
  /** Text after the last complete record. */
  #rest = "";
  /** Length that it must reach before it is read again. */
  #enough = 0;
  /** A carriage return at the end of a piece, since a line feed may follow in the next. */
  #held = "";
  #isFirst = true;
  /** Records so far, the header and blank ones included: rows as a spreadsheet counts them. */
  #count = 0;

  constructor(options: RecordOptions) {
    this.#options = options;
  }

  /**
   * The records that are complete with this piece.
   * @throws FormatError for a quote that is not closed, or text after a closing quote.
   */
  take(piece: string, isLast: boolean): string[][] {
    this.#rest += this.#plain(piece, isLast);
    if (!isLast && this.#rest.length < this.#enough) return [];
    const text = this.#rest;
    this.#parser ??= this.#parserFor(isLast ? `${text}\n` : text, isLast);
    const records = this.#parser ? this.#parse(this.#parser, text, isLast) : [];
    // A long record that arrives in small pieces is not read from its beginning for each of them.
    this.#enough = records.length > 0 ? 0 : 2 * text.length;
    if (this.#rest.length > longest) {
      this.#fail(`row ${this.#count + 1} is longer than ${longest} characters: is there a quote that is not closed?`);
    }
    return records;
  }

  /** A piece without byte order mark, its lines ended by line feeds. */
  #plain(piece: string, isLast: boolean): string {
    let text = this.#held + (this.#isFirst ? piece.replace(/^\uFEFF/, "") : piece);
    if (piece !== "") this.#isFirst = false;
    this.#held = !isLast && text.endsWith("\r") ? "\r" : "";
    if (this.#held) text = text.slice(0, -1);
    return text.includes("\r") ? text.replace(/\r\n?/g, "\n") : text;
  }

  /** A parser, as soon as the delimiter is known. */
  #parserFor(text: string, isLast: boolean): Papa.Parser | undefined {
    const { delimiter, comment } = this.#options;
    const line = firstLine(text, comment) ?? (isLast ? "" : undefined);
    if (delimiter === undefined && line === undefined) return undefined;
    return new Papa.Parser({ delimiter: delimiter ?? guessed(line!), newline: "\n", comments: comment ?? false });
  }

  #parse(parser: Papa.Parser, text: string, isLast: boolean): string[][] {
    const { data, errors, meta } = parser.parse(text, 0, !isLast) as Papa.ParseResult<string[]>;
    const [fault] = errors;
    if (fault) {
      const what = fault.code === "MissingQuotes" ? "a quote that is not closed" : "text after a closing quote";
      this.#fail(`row ${this.#count + 1 + (fault.row ?? 0)} has ${what}`);
    }
    this.#count += data.length;
    this.#rest = text.slice(meta.cursor);
    return data;
  }

  #fail(fault: string): never {
    throw new FormatError(`${this.#options.name}: ${fault}`);
  }
}

/** The first line that is neither blank nor a comment, without what is in quotes; `undefined` until all of it is there. */
function firstLine(text: string, comment: string | undefined): string | undefined {
  const lines = text.replace(/"[^"]*(?:"|$)/g, "").split("\n");
  const at = lines.findIndex((line) => line.trim() !== "" && !(comment && line.startsWith(comment)));
  return at < lines.length - 1 ? lines[at] : undefined;
}

/** The usual delimiter that is most frequent in a line. */
function guessed(line: string): string {
  const count = (delimiter: string): number => line.split(delimiter).length;
  return [",", ";", "\t", "|"].reduce((best, other) => (count(other) > count(best) ? other : best));
}
