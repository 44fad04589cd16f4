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
  #rest = "";
  /** Records so far, the header and blank ones included: rows as a spreadsheet counts them. */
  #count = 0;
  #isFirst = true;

  constructor(options: RecordOptions) {
    this.#options = options;
  }

  /**
   * The records that are complete with this piece.
   * @throws FormatError for a quote that is not closed, or text after a closing quote.
   */
  take(piece: string, isLast: boolean): string[][] {
    let text = this.#rest + (this.#isFirst ? piece.replace(/^\uFEFF/, "") : piece);
    if (text !== "") this.#isFirst = false;
    // A line feed may follow in the next piece.
    const held = !isLast && text.endsWith("\r") ? "\r" : "";
    if (text.includes("\r")) text = (held ? text.slice(0, -1) : text).replace(/\r\n?/g, "\n");
    if (!this.#parser && !isLast && !text.includes("\n")) return this.#keep(text + held, []);
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
    return this.#keep(text.slice(meta.cursor) + held, data);
  }

  #keep(rest: string, records: string[][]): string[][] {
    if (rest.length > longest) {
      this.#fail(`row ${this.#count + 1} is longer than ${longest} characters: is there a quote that is not closed?`);
    }
    this.#rest = rest;
    return records;
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
