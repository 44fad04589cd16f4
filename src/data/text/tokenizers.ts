import { checkWhole, counted, optionsOf, refuse } from "../../errors.ts";
import { splitter } from "./split.ts";
import {
  checkSpecial,
  checkState,
  checkTokens,
  type Piece,
  type SpecialToken,
  type Splitting,
  type Tokenizer,
  type TokenizerState,
  tokenizer,
} from "./vocabulary.ts";

/** What counts as a character. */
export interface CharTokenizerOptions {
  /**
   * "codePoint" (default): a character of Unicode. "grapheme": what readers see as one character, such as an emoji of
   * several code points or a letter with its accents, as `Intl.Segmenter` finds it.
   */
  readonly unit?: "codePoint" | "grapheme";
  /** Special tokens, in the order of their ids, from 0. Default none: unknown characters are an error. */
  readonly special?: readonly SpecialToken[];
}

/**
 * A tokenizer by characters. Texts are taken as they are: normalise them first (`text.normalize()`) if the same letter
 * may be written in two ways.
 *
 * ```ts
 * const tokenizer = charTokenizer(text);
 * const ids = tokenizer.encode("Call me"); // Int32Array
 * tokenizer.decode(ids); // "Call me"
 * ```
 *
 * @param source a text with all characters, which get ids in the order of their code points; or a list of the characters in
 * the order of their ids.
 */
export function charTokenizer(source: string | readonly string[], options?: CharTokenizerOptions): Tokenizer {
  const op = "charTokenizer";
  const { unit, special } = optionsOf(op, options, { unit: "codePoint", special: [] as readonly SpecialToken[] });
  if (unit !== "codePoint" && unit !== "grapheme") refuse(op, "unit", unit, '"codePoint" or "grapheme"');
  checkSpecial(op, special);
  const splitting = { unit };
  const split = splitter(op, splitting);
  if (typeof source !== "string") {
    if (!Array.isArray(source)) refuse(op, "source", source, "a text or a list of characters");
    checkTokens(op, "source", source);
    const long = source.findIndex((token) => [...split(token)].length !== 1);
    if (long >= 0) refuse(op, `source[${long}]`, source[long], "one character");
    return tokenizer({ splitting, special, tokens: [...source] }, split, "");
  }
  const found = new Set<string>();
  for (const { text } of split(source)) found.add(text);
  return tokenizer({ splitting, special, tokens: [...found].sort(byCodePoint) }, split, "");
}

/** Which words get an id. */
export interface WordTokenizerOptions {
  /** Number of ids at most, special tokens included: the most frequent words get one. Default no limit. */
  readonly size?: number;
  /** Leave out words that occur less often. Default 1. */
  readonly minCount?: number;
  /** Take capital letters as small ones. Default false. */
  readonly lowercase?: boolean;
  /**
   * Language by whose rules `Intl.Segmenter` finds words, for those that write no spaces, such as "ja". Default: words are
   * letters, digits and apostrophes between them; every other character is a token of its own.
   */
  readonly locale?: string;
  /** Special tokens, in the order of their ids, from 0. Default "pad" and "unknown". */
  readonly special?: readonly SpecialToken[];
}

/**
 * A tokenizer by words. Words get ids by frequency, the most frequent first; equally frequent ones in the order of their
 * code points. The spaces between words are lost.
 *
 * ```ts
 * const tokenizer = wordTokenizer(texts, { size: 10_000, lowercase: true });
 * const { ids, mask } = padSequences(texts.map((text) => tokenizer.encode(text)), { length: 200 });
 * ```
 *
 * @param texts a text or several; the training texts alone, so that others meet unknown words as they will in use.
 */
export function wordTokenizer(texts: string | Iterable<string>, options?: WordTokenizerOptions): Tokenizer {
  const op = "wordTokenizer";
  const { size, minCount, lowercase, locale, special } = optionsOf(op, options, {
    size: undefined,
    minCount: 1,
    lowercase: false,
    locale: undefined,
    special: ["pad", "unknown"] as readonly SpecialToken[],
  });
  checkSpecial(op, special);
  checkWhole(op, "minCount", minCount);
  if (size !== undefined) checkWhole(op, "size", size, special.length + 1);
  if (locale !== undefined && typeof locale !== "string") refuse(op, "locale", locale, 'a language such as "ja"');
  const splitting: Splitting = { unit: "word", lowercase, ...(locale !== undefined && { locale }) };
  const split = splitter(op, splitting);
  const counts = countsOf(op, texts, split);
  const frequent = [...counts].filter(([, count]) => count >= minCount);
  frequent.sort(([a, m], [b, n]) => n - m || byCodePoint(a, b));
  const tokens = frequent.map(([token]) => token).slice(0, size === undefined ? undefined : size - special.length);
  return tokenizer({ splitting, special, tokens }, split, " ");
}

/** A tokenizer from the `state` of another, for instance one saved with the weights. */
export function tokenizerFrom(state: TokenizerState): Tokenizer {
  checkState("tokenizerFrom", state);
  const split = splitter("tokenizerFrom", state.splitting);
  return tokenizer(state, split, state.splitting.unit === "word" ? " " : "");
}

function countsOf(
  op: string,
  texts: string | Iterable<string>,
  split: (text: string) => Iterable<Piece>,
): Map<string, number> {
  if (typeof texts !== "string" && typeof Object(texts)[Symbol.iterator] !== "function") {
    refuse(op, "texts", texts, "a text or a list of texts");
  }
  const counts = new Map<string, number>();
  let i = 0;
  for (const text of typeof texts === "string" ? [texts] : texts) {
    if (typeof text !== "string") refuse(op, `texts[${i}]`, text, "a text");
    for (const { text: token } of split(text)) counts.set(token, (counts.get(token) ?? 0) + 1);
    i++;
  }
  if (counts.size === 0) refuse(op, "texts", counted(i, "text"), "at least one word in them");
  return counts;
}

/** Code units, which `<` compares, differ from code points beyond U+FFFF. */
function byCodePoint(a: string, b: string): number {
  const [x, y] = [[...a], [...b]];
  for (let i = 0; i < x.length && i < y.length; i++) {
    const difference = x[i]!.codePointAt(0)! - y[i]!.codePointAt(0)!;
    if (difference !== 0) return difference;
  }
  return x.length - y.length;
}
