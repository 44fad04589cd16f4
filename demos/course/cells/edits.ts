/** A part of a text, and what takes its place. */
export interface Edit {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

/** A text after edits, and a way back from its places. */
export class Edited {
  readonly text: string;
  /** Pieces of the new text that are the same in the old one. */
  readonly #kept: readonly { readonly from: number; readonly to: number; readonly length: number }[];

  /** @param edits that do not overlap. */
  constructor(original: string, edits: readonly Edit[]) {
    const kept: { from: number; to: number; length: number }[] = [];
    let text = "";
    let from = 0;
    const keep = (end: number): void => {
      kept.push({ from, to: text.length, length: end - from });
      text += original.slice(from, end);
      from = end;
    };
    for (const { start, end, text: replacement } of edits.toSorted((a, b) => a.start - b.start || a.end - b.end)) {
      keep(start);
      text += replacement;
      from = end;
    }
    keep(original.length);
    this.text = text;
    this.#kept = kept;
  }

  /** The place in the original text that a place in the new one comes from: inside of new text, where that begins. */
  origin(place: number): number {
    const piece = this.#kept.findLast(({ to }) => to <= place)!;
    return piece.from + Math.min(piece.length, place - piece.to);
  }
}

/** A place as line and column, both from 1. */
export function placeOf(text: string, at: number): { line: number; column: number } {
  const before = text.slice(0, at).split("\n");
  return { line: before.length, column: before.at(-1)!.length + 1 };
}

/** The place of a line and a column. */
export function offsetOf(text: string, line: number, column: number): number {
  const lines = text.split("\n").slice(0, line - 1);
  return lines.reduce((sum, { length }) => sum + length + 1, 0) + column - 1;
}
