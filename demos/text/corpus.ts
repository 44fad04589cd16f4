/** A text as numbers: each character is its place in the vocabulary. */
export interface Corpus {
  /** Every character of the text once, in order of code points. */
  readonly vocabulary: readonly string[];
  readonly train: Int32Array;
  readonly validation: Int32Array;
}

/** Part of a text, its end, that is kept to validate on. */
const validationShare = 0.02;

/** Numbers the characters of a text. */
export function corpusOf(text: string): Corpus {
  const vocabulary = [...new Set(text)].sort((a, b) => a.codePointAt(0)! - b.codePointAt(0)!);
  const codes = encode(text, vocabulary);
  const boundary = codes.length - Math.round(validationShare * codes.length);
  return { vocabulary, train: codes.subarray(0, boundary), validation: codes.subarray(boundary) };
}

/** @throws Error naming the character that the vocabulary does not have. */
export function encode(text: string, vocabulary: readonly string[]): Int32Array {
  const places = new Map(vocabulary.map((character, i) => [character, i]));
  return Int32Array.from([...text], (character) => {
    const place = places.get(character);
    if (place === undefined) throw new Error(`${JSON.stringify(character)} is not among the characters of the text`);
    return place;
  });
}

export const decode = (codes: Iterable<number>, vocabulary: readonly string[]): string =>
  Array.from(codes, (code) => vocabulary[code]).join("");

/** Sizes of a batch: `batch` places in the text are read at once, `length` characters at each. */
export interface Window {
  readonly batch: number;
  readonly length: number;
}

/** Batches in one pass through a text. */
export const batchesIn = (codes: Int32Array, { batch, length }: Window): number =>
  Math.max(0, Math.floor(Math.floor((codes.length - 1) / batch) / length));

/**
 * Batch number `index` of a pass. The text is cut into `batch` long streams side by side, and each batch goes on where the one
 * before it ended, so that the states of the network can be carried on.
 * @returns x, characters, and y, those that follow them: [length, batch].
 */
export function batchAt(codes: Int32Array, { batch, length }: Window, index: number) {
  const stream = Math.floor((codes.length - 1) / batch);
  const x = new Int32Array(length * batch);
  const y = new Int32Array(length * batch);
  for (let t = 0; t < length; t++) {
    for (let n = 0; n < batch; n++) {
      const at = n * stream + index * length + t;
      x[t * batch + n] = codes[at]!;
      y[t * batch + n] = codes[at + 1]!;
    }
  }
  return { x, y };
}
