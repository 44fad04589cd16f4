import {
  AttributeError,
  checkChoice,
  checkList,
  checkNumbers,
  checkObject,
  checkWhole,
  counted,
  optionsOf,
  refuse,
} from "../../errors.ts";

/** Tokens that stand for no text: padding, whatever is not in the vocabulary, the begin and the end of a text. */
export type SpecialToken = "pad" | "unknown" | "begin" | "end";

/** How texts are split. Plain data that JSON can save. */
export interface Splitting {
  readonly unit: "codePoint" | "grapheme" | "word";
  /** For words: lower-case letters alone. */
  readonly lowercase?: boolean;
  /** For words: the language whose rules `Intl.Segmenter` applies. */
  readonly locale?: string;
}

/** Everything a tokenizer knows, as plain data that JSON can save with the weights. */
export interface TokenizerState {
  readonly splitting: Splitting;
  /** Special tokens, in the order of their ids, from 0. */
  readonly special: readonly SpecialToken[];
  /** The other tokens, in the order of their ids. */
  readonly tokens: readonly string[];
}

/** What is added to a text when it is encoded. */
export interface EncodeOptions {
  /** Put the token "begin" before the text. Default false. */
  readonly begin?: boolean;
  /** Put the token "end" after the text. Default false. */
  readonly end?: boolean;
}

/** Turns texts into ids of tokens, and back. */
export interface Tokenizer {
  /** Number of ids: rows of an embedding, classes of a prediction. */
  readonly size: number;
  /** The id of each special token that the tokenizer has. */
  readonly special: Readonly<Partial<Record<SpecialToken, number>>>;
  /** For `tokenizerFrom`. */
  readonly state: TokenizerState;
  /** The text of an id; "<pad>" and the like for special tokens. @throws AttributeError for an id outside 0 … size−1. */
  token(id: number): string;
  /** The id of a token, or that of "unknown". @throws AttributeError for an unknown token without that id. */
  id(token: string): number;
  /**
   * The ids of a text's tokens.
   * @throws AttributeError for a token outside the vocabulary if there is no "unknown", with its position in the text.
   */
  encode(text: string, options?: EncodeOptions): Int32Array;
  /**
   * The text of ids, without special tokens other than "unknown". Words are joined by spaces.
   * @throws AttributeError for an id outside 0 … size−1, with its position.
   */
  decode(ids: ArrayLike<number>): string;
}

/** A piece of a text and where it begins. */
export interface Piece {
  readonly text: string;
  readonly at: number;
}

const specials: readonly SpecialToken[] = ["pad", "unknown", "begin", "end"];

/** Refuses anything but a list of different special tokens. */
export function checkSpecial(op: string, special: readonly SpecialToken[]): void {
  checkList(op, "special", special);
  for (const [i, name] of special.entries()) {
    checkChoice(op, `special[${i}]`, name, specials);
    if (special.indexOf(name) < i) refuse(op, `special[${i}]`, name, "a token that is not in the list before");
  }
}

/**
 * A tokenizer of a vocabulary.
 * @param split splits a text.
 * @param joined what stands between tokens in decoded texts.
 */
export function tokenizer(state: TokenizerState, split: (text: string) => Iterable<Piece>, joined: string): Tokenizer {
  const { special, tokens } = state;
  const first = special.length;
  const ids = new Map(tokens.map((token, i) => [token, first + i]));
  const size = first + tokens.length;
  const unknown = special.indexOf("unknown");
  const idOf = (op: string, token: string, where: string): number => {
    const id = ids.get(token) ?? unknown;
    if (id >= 0) return id;
    throw new AttributeError(
      `${op}: ${JSON.stringify(token)}${where} is not in the vocabulary of ${counted(size, "token")}; ` +
        'add it, or make the tokenizer with special: ["unknown"]',
    );
  };
  const edge = (op: string, name: "begin" | "end", wanted: boolean): number[] => {
    if (!wanted) return [];
    const id = special.indexOf(name);
    return id >= 0 ? [id] : refuse(op, name, true, `false: the tokenizer has no special token "${name}"`);
  };
  const token = (id: number): string => tokens[id - first] ?? `<${special[id]}>`;
  return {
    size,
    special: Object.fromEntries(special.map((name, id) => [name, id])),
    state,
    token: (id) => token(checkWhole("Tokenizer.token", "id", id, 0, size - 1)),
    id: (text) =>
      typeof text === "string" ? idOf("Tokenizer.id", text, "") : refuse("Tokenizer.id", "token", text, "a text"),
    encode(text, options) {
      const op = "Tokenizer.encode";
      if (typeof text !== "string") refuse(op, "text", text, "a text");
      const { begin, end } = optionsOf(op, options, { begin: false, end: false });
      const found = Array.from(split(text), (piece) => idOf(op, piece.text, `, at ${piece.at},`));
      return Int32Array.from([...edge(op, "begin", begin), ...found, ...edge(op, "end", end)]);
    },
    decode(list) {
      checkNumbers("Tokenizer.decode", "ids", list);
      const shown: string[] = [];
      for (let i = 0; i < list.length; i++) {
        const id = checkWhole("Tokenizer.decode", `ids[${i}]`, list[i]!, 0, size - 1);
        if (id >= first || id === unknown) shown.push(token(id));
      }
      return shown.join(joined);
    },
  };
}

/** Refuses a state that no tokenizer has. */
export function checkState(op: string, state: TokenizerState): void {
  const { splitting, special, tokens } = optionsOf(op, state, {
    splitting: undefined,
    special: undefined,
    tokens: undefined,
  }) as TokenizerState;
  checkObject(op, "splitting", splitting, '{ unit: "codePoint" }');
  checkChoice(op, "splitting.unit", splitting.unit, ["codePoint", "grapheme", "word"]);
  checkSpecial(op, special);
  checkTokens(op, "tokens", tokens);
}

/** Refuses anything but a list of different texts. */
export function checkTokens(op: string, name: string, tokens: readonly string[]): void {
  checkList(op, name, tokens);
  const seen = new Set<string>();
  for (const [i, token] of tokens.entries()) {
    if (typeof token !== "string" || token === "" || seen.has(token)) {
      refuse(op, `${name}[${i}]`, token, "a text that is not empty and not in the list before");
    }
    seen.add(token);
  }
}
