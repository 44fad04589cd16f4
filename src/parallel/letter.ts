/*
 * What members send each other: a kind, the number of the call that it belongs to, and numbers or text.
 */

export const kinds = ["hello", "part", "sum", "copy", "fault", "bye"] as const;
export type Kind = (typeof kinds)[number];

export interface Letter {
  readonly kind: Kind;
  /** Which call of the group, counted from 1; all members make the same calls in the same order. */
  readonly call: number;
  readonly content: Uint8Array<ArrayBuffer>;
}

/** "tgrp" as a number: tells our messages from others on the same port. */
const mark = 0x70726774;
const head = 16;

/** A letter as bytes: mark, kind, call, length of the content; then the content. */
export function sealed(kind: Kind, call: number, content: Uint8Array): ArrayBuffer {
  const bytes = new ArrayBuffer(head + content.length);
  new Uint32Array(bytes, 0, 4).set([mark, kinds.indexOf(kind), call, content.length]);
  new Uint8Array(bytes, head).set(content);
  return bytes;
}

/** Puts letters together from pieces that arrive in order. */
export class Opener {
  #pieces: Uint8Array[] = [];
  #missing = 0;
  #head: Uint32Array | undefined;

  /** @returns the letter that this piece completes. Ignores bytes that are none of ours. */
  take(piece: ArrayBuffer): Letter | undefined {
    let bytes = new Uint8Array(piece);
    if (!this.#head) {
      if (piece.byteLength < head) return undefined;
      const first = new Uint32Array(piece, 0, 4);
      if (first[0] !== mark || first[1]! >= kinds.length) return undefined;
      this.#head = first;
      this.#missing = first[3]!;
      bytes = bytes.subarray(head);
    }
    this.#pieces.push(bytes);
    this.#missing -= bytes.length;
    if (this.#missing > 0) return undefined;
    const [, kind, call, length] = this.#head as unknown as [number, number, number, number];
    const content = new Uint8Array(length);
    let at = 0;
    for (const part of this.#pieces) {
      content.set(part.subarray(0, length - at), at);
      at += part.length;
    }
    this.#pieces = [];
    this.#head = undefined;
    return { kind: kinds[kind]!, call, content };
  }
}
