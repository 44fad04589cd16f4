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
 * and line breaks (RFC 4180). Holds no more of the text than the record it is in.
 */
export class Records {
  readonly #options: RecordOptions;
  #parser: Papa.Parser | undefined;
  /** Text that is no complete record yet. */
  #rest = "";
  /** Its length from which another look at it pays. */
  #enough = 0;
  /** A carriage return at the end of a piece: a line feed may follow in the next. */
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
    const records = isLast || this.#parser || text.includes("\n") ? this.#parse(text, isLast) : [];
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

  #parse(text: string, isLast: boolean): string[][] {
    this.#parser ??= new Papa.Parser({
      delimiter: this.#options.delimiter ?? guessed(text),
      newline: "\n",
      comments: this.#options.comment ?? false,
    });
    const { data, errors, meta } = this.#parser.parse(text, 0, !isLast) as Papa.ParseResult<string[]>;
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

/** The usual delimiter that is most frequent in the first line, outside quotes. */
function guessed(text: string): string {
  const [line] = text.replace(/"[^"]*"/g, "").split("\n", 1);
  const count = (delimiter: string): number => line!.split(delimiter).length;
  return [",", ";", "\t", "|"].reduce((best, other) => (count(other) > count(best) ? other : best));
}
