import type { Window } from "../corpus.ts";
import type { Material } from "./material.ts";

/** A text as the network reads it. */
export interface Arrangement {
  /** Characters, `[length, batch]`. */
  readonly x: Int32Array<ArrayBuffer>;
  /** For each place before, between and after the characters: where x ends there; −1 where the network does not read. */
  readonly places: Int32Array<ArrayBuffer>;
}

/**
 * Puts a text into rows. Each line is a row of its own if that is how the network learns, and otherwise, rows continue
 * each other. What does not fit is left out.
 */
export function arrange(
  text: string,
  { tokenizer, lines, start }: Pick<Material, "tokenizer" | "lines" | "start">,
  { length, batch }: Window,
): Arrangement {
  const known = new Map(tokenizer.state.tokens.map((token, id) => [token, id]));
  const characters = [...text];
  const x = new Int32Array(length * batch).fill(start);
  const places = new Int32Array(characters.length + 1).fill(-1);
  let [row, t] = [0, 0];
  const put = (place: number, id: number): void => {
    if (!lines && t === length) [row, t] = [row + 1, 0];
    if (row < batch && t < length) {
      x[t * batch + row] = id;
      places[place] = t * batch + row;
    }
    t++;
  };
  put(0, start);
  for (const [i, character] of characters.entries()) {
    if (lines && character === "\n") [row, t] = [row + 1, 0];
    // Who has never seen a character takes it for a start.
    put(i + 1, known.get(character) ?? start);
  }
  return { x, places };
}
