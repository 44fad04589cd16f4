import { charTokenizer, type Tokenizer } from "../../src/data/text/index.ts";

/** A text as numbers: each distinct character has one, in order of code points. */
export interface Corpus {
  readonly tokenizer: Tokenizer;
  readonly train: Int32Array;
  readonly validation: Int32Array;
}

/** Fraction at the end of the text kept for validation. */
const validationShare = 0.02;

/** Converts a text to numbers. */
export function corpusOf(text: string): Corpus {
  const tokenizer = charTokenizer(text);
  const codes = tokenizer.encode(text);
  const boundary = codes.length - Math.round(validationShare * codes.length);
  return { tokenizer, train: codes.subarray(0, boundary), validation: codes.subarray(boundary) };
}

/** Sizes of a batch: it reads `length` characters at `batch` positions of the text. */
export interface Window {
  readonly batch: number;
  readonly length: number;
}

/** Batches in one pass through a text. */
export const batchesIn = (codes: Int32Array, { batch, length }: Window): number =>
  Math.max(0, Math.floor(Math.floor((codes.length - 1) / batch) / length));

/**
 * Batch `index` of a pass. The text is cut into `batch` long streams side by side, and each batch continues where the
 * one before it ended, so that the network's states can be carried on.
 * @returns x, characters, and y, the characters after them: [length, batch].
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
