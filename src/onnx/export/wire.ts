const encoder = /* @__PURE__ */ new TextEncoder();

/**
 * A message of protocol buffers on its way out. Contents are kept as they were given, and copied once, by `bytes()`:
 * weights are most of a model.
 */
export class Message {
  readonly #chunks: Uint8Array[] = [];
  /** Bytes of the present chunk, of numbers and tags. */
  #open: number[] = [];
  #length = 0;

  get length(): number {
    return this.#length;
  }

  /** A whole number, also a negative one. */
  int(field: number, value: number): this {
    this.#varint(field * 8);
    this.#varint(value);
    return this;
  }

  /** A float of four bytes. */
  float(field: number, value: number): this {
    this.#varint(field * 8 + 5);
    this.#push(new Uint8Array(Float32Array.of(value).buffer));
    return this;
  }

  bytes(field: number, content: Uint8Array): this {
    this.#varint(field * 8 + 2);
    this.#varint(content.length);
    this.#push(content);
    return this;
  }

  text(field: number, content: string): this {
    return this.bytes(field, encoder.encode(content));
  }

  message(field: number, content: Message): this {
    this.#varint(field * 8 + 2);
    this.#varint(content.length);
    content.#close();
    for (const chunk of content.#chunks) this.#push(chunk);
    return this;
  }

  /** The whole message. */
  finish(): Uint8Array<ArrayBuffer> {
    this.#close();
    const all = new Uint8Array(this.#length);
    let at = 0;
    for (const chunk of this.#chunks) {
      all.set(chunk, at);
      at += chunk.length;
    }
    return all;
  }

  /** Seven bits a byte, the lowest first; negative numbers in two's complement of 64 bits. */
  #varint(value: number): void {
    let rest = BigInt.asUintN(64, BigInt(value));
    do {
      const more = rest > 127n;
      this.#open.push(Number(rest & 127n) | (more ? 128 : 0));
      this.#length++;
      rest >>= 7n;
    } while (rest > 0n);
  }

  #push(chunk: Uint8Array): void {
    this.#close();
    this.#chunks.push(chunk);
    this.#length += chunk.length;
  }

  #close(): void {
    if (this.#open.length > 0) this.#chunks.push(Uint8Array.from(this.#open));
    this.#open = [];
  }
}
