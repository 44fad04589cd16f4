import { FormatError } from "../errors.ts";

/*
 * The wire format of protocol buffers (protobuf.dev/programming-guides/encoding), as far as ONNX needs it: this file,
 * instead of a library. The smallest library (@bufbuild/protobuf with onnx-buf) adds 21 KB gzip to a page; this file and
 * model.ts add 1.8. It makes views of the file, no copies, checks each length against the message around it, and
 * never allocates by a number that the file states.
 */

/** One field of a message: its number, and its content by wire type. */
export interface Field {
  readonly number: number;
  /** 0 varint, 1 eight bytes, 2 length-delimited, 5 four bytes. */
  readonly wire: number;
  /** Varints as signed 64-bit numbers; beyond 2⁵³ they are the nearest. */
  readonly value: number;
  /** Content of wire types 1, 2 and 5; else empty. */
  readonly bytes: Uint8Array;
}

const nothing = new Uint8Array(0);

/** Walks varints, one after the other. */
class Varints {
  readonly #bytes: Uint8Array;
  #at: number;

  constructor(bytes: Uint8Array, at = 0) {
    this.#bytes = bytes;
    this.#at = at;
  }

  get at(): number {
    return this.#at;
  }

  get done(): boolean {
    return this.#at >= this.#bytes.length;
  }

  /** The next varint as a signed 64-bit number. */
  next(): number {
    let low = 0;
    let high = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      const byte = this.#bytes[this.#at++];
      if (byte === undefined) throw new FormatError("ends inside a number");
      const bits = byte & 0x7f;
      if (shift < 28) low += bits * 2 ** shift;
      else if (shift < 63) high += bits * 2 ** (shift - 28);
      // The last of 64 bits is the sign.
      else if (bits & 1) high -= 2 ** 35;
      if (byte < 0x80) return low + high * 2 ** 28;
    }
    throw new FormatError("holds a number of more than 64 bits");
  }
}

/** The fields of a message, in order. */
export function* fields(message: Uint8Array): Generator<Field> {
  for (let at = 0; at < message.length; ) {
    const varints = new Varints(message, at);
    const tag = varints.next();
    const wire = tag % 8;
    const number = (tag - wire) / 8;
    if (number < 1 || !Number.isSafeInteger(number)) throw new FormatError(`holds field number ${number}`);
    let value = 0;
    let length = 0;
    if (wire === 0) value = varints.next();
    else if (wire === 2) length = varints.next();
    else if (wire === 1) length = 8;
    else if (wire === 5) length = 4;
    else throw new FormatError(`holds wire type ${wire}`);
    const end = varints.at + length;
    if (length < 0 || end > message.length) {
      throw new FormatError(
        `is cut off: field ${number} has ${length} bytes, but its message ends after ${message.length - varints.at}`,
      );
    }
    yield { number, wire, value, bytes: length === 0 ? nothing : message.subarray(varints.at, end) };
    at = end;
  }
}

/** Numbers of a repeated integer field: packed into one, or one for each. */
export function integers({ wire, value, bytes }: Field, into: number[]): void {
  if (wire === 0) into.push(value);
  else for (const varints = new Varints(bytes); !varints.done; ) into.push(varints.next());
}

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** Numbers of a repeated float (4 bytes) or double (8 bytes) field. */
export function floats({ bytes }: Field, size: 4 | 8, into: number[]): void {
  if (bytes.length % size !== 0) throw new FormatError(`holds ${bytes.length} bytes of numbers of ${size} bytes each`);
  const view = viewOf(bytes);
  for (let at = 0; at < bytes.length; at += size) {
    into.push(size === 4 ? view.getFloat32(at, true) : view.getFloat64(at, true));
  }
}

const decoder = /* @__PURE__ */ new TextDecoder();

export const text = ({ bytes }: Field): string => decoder.decode(bytes);
