import { refuse } from "../../errors.ts";
import { graphemesOf, wordsOf } from "./segments.ts";
import type { Piece, Splitting } from "./vocabulary.ts";

/** Words (letters with accents, digits and apostrophes within) and numbers; any other character but spaces by itself. */
const word = /[\p{L}\p{M}\p{N}]+(?:['’][\p{L}\p{M}\p{N}]+)*|[^\s\p{L}\p{M}\p{N}]/gu;

/** Splits texts as described. */
export function splitter(op: string, { unit, lowercase, locale }: Splitting): (text: string) => Iterable<Piece> {
  if (unit === "codePoint") return codePoints;
  if (unit === "grapheme") return segments(op, undefined, "grapheme");
  const words = locale === undefined ? wordsIn : segments(op, locale, "word");
  return lowercase ? (text) => words(text.toLocaleLowerCase(locale ?? "und")) : words;
}

function* codePoints(text: string): Iterable<Piece> {
  let at = 0;
  for (const character of text) {
    yield { text: character, at };
    at += character.length;
  }
}

function* wordsIn(text: string): Iterable<Piece> {
  for (const { 0: found, index } of text.matchAll(word)) yield { text: found, at: index };
}

function segments(
  op: string,
  locale: string | undefined,
  granularity: "grapheme" | "word",
): (text: string) => Iterable<Piece> {
  let segmenter: Intl.Segmenter;
  try {
    segmenter = new Intl.Segmenter(locale, { granularity });
  } catch {
    return refuse(op, "locale", locale, 'a language such as "ja"');
  }
  if (granularity === "grapheme") return (text) => graphemesOf(segmenter, text);
  return function* (text) {
    for (const word of wordsOf(segmenter, text)) if (word.text.trim() !== "") yield word;
  };
}
