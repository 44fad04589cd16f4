import type { Piece } from "./vocabulary.ts";

/*
 * Intl.Segmenter takes time that grows with the square of a text's length in V8, from some 10,000 characters on. So texts
 * are segmented in pieces, cut where the rules of Unicode ("Unicode Text Segmentation", UAX 29) allow it.
 */

/** Characters of a piece, if it can be cut there. */
const pieceLength = 4096;

/**
 * The graphemes of a text. Whether one ends depends on itself and the next character, so a piece may end anywhere: all of
 * its graphemes but the last are whole, and the next piece begins with the last.
 */
export function* graphemesOf(segmenter: Intl.Segmenter, text: string): Generator<Piece, void, undefined> {
  let length = pieceLength;
  for (let from = 0; from < text.length; ) {
    const to = wholeTo(text, from + length);
    const piece = Array.from(segmenter.segment(text.slice(from, to)), ({ segment }) => segment);
    const rest = to < text.length ? piece.pop()!.length : 0;
    let at = from;
    for (const segment of piece) {
      yield { text: segment, at };
      at += segment.length;
    }
    // A grapheme that fills a piece needs a longer one.
    length = at === from ? 2 * length : pieceLength;
    from = to - rest;
  }
}

/** A place that is not within a pair of surrogates, from `at` on. */
const wholeTo = (text: string, at: number): number => ((text.codePointAt(at - 1) ?? 0) > 0xffff ? at + 1 : at);

/** After a line feed a word always begins; after a space it does at a letter or digit of ASCII, which joins no space. */
const wordStart = /(?<=\n)|(?<= )(?=[A-Za-z0-9])/g;

/** The segments of a text by words, between which spaces are segments too. A long line without spaces is one piece. */
export function* wordsOf(segmenter: Intl.Segmenter, text: string): Generator<Piece, void, undefined> {
  for (let from = 0; from < text.length; ) {
    wordStart.lastIndex = from + pieceLength;
    const to = wordStart.exec(text)?.index ?? text.length;
    for (const { segment, index } of segmenter.segment(text.slice(from, to))) yield { text: segment, at: from + index };
    from = to;
  }
}
