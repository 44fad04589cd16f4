import { FormatError } from "../../errors.ts";

/*
 * HDF5 as far as Keras writes it (h5py with its defaults): this folder, instead of a library. h5wasm adds 1 MB gzip to a
 * page. jsfive adds 26 KB; it believes what a file says, so that one of 63 KiB keeps it busy for minutes, and it makes
 * an array of numbers of every tensor. What is here adds 3 KB, and reads no byte of a file more often than a few times.
 *
 * Source: The HDF Group, "HDF5 File Format Specification Version 3.0"; sections are named where they are used.
 */

/** Parts of a file are read at most this often, on average over all of its bytes: see `Source`. */
const mostReads = 8;

/**
 * Numbers, texts and parts of a file that is not trusted. Every read is checked against the file's end, and counted: a
 * file whose parts overlap, or lead back to themselves, ends in an error after time and memory in proportion to its length.
 */
export class Source {
  readonly bytes: Uint8Array;
  readonly #name: string;
  readonly #view: DataView;
  #left: number;

  /** @param name of the file in errors. */
  constructor(bytes: Uint8Array, name: string) {
    this.bytes = bytes;
    this.#name = name;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#left = mostReads * bytes.length;
  }

  fail(fault: string): never {
    throw new FormatError(`${this.#name}: ${fault}`);
  }

  u8(at: number): number {
    return this.#view.getUint8(this.#within(at, 1));
  }

  u16(at: number): number {
    return this.#view.getUint16(this.#within(at, 2), true);
  }

  u32(at: number): number {
    return this.#view.getUint32(this.#within(at, 4), true);
  }

  /** An address or a size. "No address" is all ones; as such, and beyond 2⁵³, it lies in no file. */
  u64(at: number): number {
    return Number(this.#view.getBigUint64(this.#within(at, 8), true));
  }

  /** Bytes, as a view of the file. */
  part(at: number, size: number): Uint8Array {
    this.#within(at, size);
    return this.bytes.subarray(at, at + size);
  }

  /** A text of `size` bytes in UTF-8, up to its first zero byte. */
  text(at: number, size: number): string {
    const bytes = this.part(at, size);
    const end = bytes.indexOf(0);
    return new TextDecoder().decode(bytes.slice(0, end < 0 ? size : end));
  }

  /** Checks the four letters with which structures begin. */
  expect(signature: string, at: number, what: string): void {
    if (this.text(at, 4) !== signature) this.fail(`is damaged: ${what} does not begin with ${signature}`);
  }

  #within(at: number, size: number): number {
    if (!(at >= 0 && at + size <= this.bytes.length))
      this.fail("is cut off or damaged: it refers to bytes beyond its end");
    this.#left -= size;
    if (this.#left < 0) this.fail("is damaged: its parts overlap");
    return at;
  }
}
