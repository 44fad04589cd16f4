import { FormatError, quoted } from "../errors.ts";
import { type Bytes, bytesOf, seemsToBe } from "./bytes.ts";

/** Content of an IDX file: row-major values and their sizes, outermost first. */
export interface IdxArray {
  readonly shape: number[];
  readonly data: Uint8Array | Int8Array | Int16Array | Int32Array | Float32Array | Float64Array;
}

interface ElementType {
  readonly bytes: number;
  /** Reads `count` big-endian values into new memory. */
  readonly read: (view: DataView, start: number, count: number) => IdxArray["data"];
}

/** The third byte of the magic number. */
const ELEMENT_TYPES: Readonly<Record<number, ElementType>> = {
  8: { bytes: 1, read: (view, start, count) => new Uint8Array(view.buffer, view.byteOffset + start, count).slice() },
  9: { bytes: 1, read: (view, start, count) => new Int8Array(view.buffer, view.byteOffset + start, count).slice() },
  11: { bytes: 2, read: (view, start, count) => fill(new Int16Array(count), (i) => view.getInt16(start + 2 * i)) },
  12: { bytes: 4, read: (view, start, count) => fill(new Int32Array(count), (i) => view.getInt32(start + 4 * i)) },
  13: { bytes: 4, read: (view, start, count) => fill(new Float32Array(count), (i) => view.getFloat32(start + 4 * i)) },
  14: { bytes: 8, read: (view, start, count) => fill(new Float64Array(count), (i) => view.getFloat64(start + 8 * i)) },
};

/**
 * Parses an IDX file, the format of MNIST and similar datasets: two zero bytes, a type code, the rank, one big-endian
 * 32-bit size per dimension, then the values, big-endian and row-major.
 *
 * @param file the whole file, uncompressed: an ArrayBuffer, as from `fetch`, or a view of one, such as Node's Buffer.
 * It is copied, so you may discard or change it afterwards.
 * @param name of the file in error messages, for instance its path.
 * @returns sizes, outermost first ([60000, 28, 28] for the MNIST images), and values in the file's own element type.
 * @throws FormatError with the fault: another format, too short, magic number, type code, rank, sizes, missing or
 * trailing bytes.
 *
 * Source: Y. LeCun, C. Cortes, C. Burges, "The MNIST database of handwritten digits", section "The IDX file format".
 */
export function parseIdx(file: Bytes, name = "IDX data"): IdxArray {
  const bytes = bytesOf(file, name);
  const fail = (fault: string): never => {
    throw new FormatError(`${name}: ${fault}`);
  };
  if (bytes.length === 0) return fail("is empty, expected an IDX file");
  if (bytes.length < 4) {
    return fail(`too short: ${bytes.length} bytes, an IDX file begins with a magic number of 4`);
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.getUint16(0) !== 0) {
    const found = [...bytes.subarray(0, 4)].map((byte) => byte.toString(16).padStart(2, "0")).join(" ");
    return fail(
      `bad magic number ${found}: an IDX file begins with 00 00, a type code and the rank${seemsToBe(bytes)}`,
    );
  }
  const code = view.getUint8(2);
  const type = ELEMENT_TYPES[code];
  if (type === undefined) {
    return fail(
      `unknown type code 0x${code.toString(16).padStart(2, "0")}: ` +
        "expected 08 (u8), 09 (i8), 0b (i16), 0c (i32), 0d (f32) or 0e (f64)",
    );
  }
  const rank = view.getUint8(3);
  if (rank === 0) return fail("has rank 0: expected at least one dimension");
  const start = 4 + 4 * rank;
  if (bytes.length < start) {
    return fail(`too short: ${bytes.length} bytes, the header of rank ${rank} alone takes ${start}`);
  }
  const shape = Array.from({ length: rank }, (_, axis) => view.getUint32(4 + 4 * axis));
  const count = shape.reduce((product, size) => product * size, 1);
  // Once a product of positive integers exceeds the safe range, it stays outside, unless a size is 0.
  if (!Number.isSafeInteger(count * type.bytes)) {
    return fail(`sizes ${quoted(shape)} overflow: no file holds that many values`);
  }
  const expected = count * type.bytes;
  const actual = bytes.length - start;
  if (actual < expected) {
    return fail(`truncated: sizes ${quoted(shape)} need ${expected} bytes of data, the file has ${actual}`);
  }
  if (actual > expected) {
    return fail(
      `has ${actual - expected} trailing bytes: ` +
        `sizes ${quoted(shape)} need ${expected} bytes of data, the file has ${actual}`,
    );
  }
  return { shape, data: type.read(view, start, count) };
}

function fill<T extends Int16Array | Int32Array | Float32Array | Float64Array>(
  out: T,
  value: (i: number) => number,
): T {
  for (let i = 0; i < out.length; i++) out[i] = value(i);
  return out;
}
