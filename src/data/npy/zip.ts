import { inflateSync } from "fflate";
import { crc32 } from "../../bytes/crc32.ts";
import { FormatError, LimitError, quoted } from "../../errors.ts";
import { seemsToBe } from "../bytes.ts";

/** An entry of the directory at the end of a zip archive. */
interface Entry {
  readonly name: string;
  /** 0: stored, 8: deflated. */
  readonly method: number;
  readonly crc: number;
  readonly packed: number;
  readonly size: number;
  /** Where its local header is. */
  readonly offset: number;
}

type Fail = (fault: string) => never;

/**
 * The files of a zip archive, by name, in new memory. Believes nothing: sizes are checked before memory is allocated,
 * and contents against their checksums. Folders are left out.
 *
 * @param limit bytes that all files together may take.
 * @throws FormatError with the fault; LimitError for an archive that unpacks to more.
 *
 * Source: PKWARE, "APPNOTE.TXT - .ZIP File Format Specification", 4.3 and 4.5.3.
 */
export function unzip(bytes: Uint8Array, name: string, limit: number): Map<string, Uint8Array<ArrayBuffer>> {
  const fail: Fail = (fault) => {
    throw new FormatError(`${name}: ${fault}`);
  };
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const files = directory(bytes, view, fail).filter((entry) => !entry.name.endsWith("/"));
  const total = files.reduce((sum, { size }) => sum + size, 0);
  if (total > limit) {
    throw new LimitError(`${name}: unpacks to ${total} bytes, maxBytes is ${limit}: raise it for a file you trust`);
  }
  const unpacked = new Map<string, Uint8Array<ArrayBuffer>>();
  for (const entry of files) {
    const failIn: Fail = (fault) => fail(`${quoted(entry.name)} ${fault}`);
    if (unpacked.has(entry.name)) failIn("is there twice");
    unpacked.set(entry.name, unpack(entry, bytes, view, failIn));
  }
  return unpacked;
}

/** All entries of the central directory. */
function directory(bytes: Uint8Array, view: DataView, fail: Fail): Entry[] {
  if (bytes.length === 0) return fail("is empty, expected a zip archive");
  if (bytes.length < 4 || view.getUint16(0) !== 0x504b) {
    return fail(`does not begin with PK, expected a zip archive${seemsToBe(bytes)}`);
  }
  const { count, start } = end(bytes, view, fail);
  const entries: Entry[] = [];
  let at = start;
  for (let i = 0; i < count; i++) {
    if (at + 46 > bytes.length || view.getUint32(at, true) !== 0x02014b50) {
      return fail(`its directory is damaged: no entry ${i} of ${count}`);
    }
    const [nameLength, extraLength, commentLength] = [28, 30, 32].map((field) => view.getUint16(at + field, true));
    const next = at + 46 + nameLength! + extraLength! + commentLength!;
    if (next > bytes.length) return fail(`its directory is damaged: entry ${i} of ${count} is cut off`);
    if (view.getUint16(at + 8, true) & 1) return fail("is encrypted");
    const extra = at + 46 + nameLength!;
    const [size, packed, offset] = wide(
      view,
      extra,
      extra + extraLength!,
      [24, 20, 42].map((f) => view.getUint32(at + f, true)),
    );
    entries.push({
      name: new TextDecoder().decode(bytes.slice(at + 46, extra)),
      method: view.getUint16(at + 10, true),
      crc: view.getUint32(at + 16, true),
      packed: packed!,
      size: size!,
      offset: offset!,
    });
    at = next;
  }
  return entries;
}

/** Replaces those numbers that are 2³²−1 by 64-bit ones from the extra field with id 1, where they are in this order. */
function wide(view: DataView, from: number, to: number, numbers: readonly number[]): number[] {
  let [at, last] = [from, from];
  for (let field = from; field + 4 <= to; field = last) {
    last = Math.min(to, field + 4 + view.getUint16(field + 2, true));
    at = field + 4;
    if (view.getUint16(field, true) === 1) break;
    at = last;
  }
  return numbers.map((number) => {
    if (number !== 0xffffffff || at + 8 > last) return number;
    at += 8;
    return Number(view.getBigUint64(at - 8, true));
  });
}

/** Number of entries and start of the directory, from the record at the very end. */
function end(bytes: Uint8Array, view: DataView, fail: Fail): { count: number; start: number } {
  // A comment of up to 65,535 bytes may follow the record.
  for (let at = bytes.length - 22; at >= Math.max(0, bytes.length - 22 - 0xffff); at--) {
    if (view.getUint32(at, true) !== 0x06054b50) continue;
    const [count, start] = [view.getUint16(at + 10, true), view.getUint32(at + 16, true)];
    const isWide = at >= 20 && view.getUint32(at - 20, true) === 0x07064b50;
    if (!isWide) return { count, start };
    const record = Number(view.getBigUint64(at - 12, true));
    if (record + 56 > bytes.length || view.getUint32(record, true) !== 0x06064b50) break;
    return { count: Number(view.getBigUint64(record + 32, true)), start: Number(view.getBigUint64(record + 48, true)) };
  }
  return fail("truncated: a zip archive has a directory at its end");
}

/** The content of one file. */
function unpack(entry: Entry, bytes: Uint8Array, view: DataView, fail: Fail): Uint8Array<ArrayBuffer> {
  const { method, crc, packed, size, offset } = entry;
  if (offset + 30 > bytes.length || view.getUint32(offset, true) !== 0x04034b50) return fail("has no header");
  const start = offset + 30 + view.getUint16(offset + 26, true) + view.getUint16(offset + 28, true);
  const stored = bytes.subarray(start, start + packed);
  if (stored.length < packed) return fail(`is cut off: ${packed} bytes are announced, ${stored.length} are there`);
  const content = contentOf(method, stored, size, fail);
  if (crc32([content]) !== crc) return fail("is damaged: its checksum does not fit");
  return content;
}

function contentOf(method: number, stored: Uint8Array, size: number, fail: Fail): Uint8Array<ArrayBuffer> {
  if (method === 0) {
    if (stored.length !== size) return fail(`has ${stored.length} bytes, ${size} are announced`);
    return Uint8Array.from(stored);
  }
  if (method !== 8) return fail(`is compressed by method ${method}, expected 0 (stored) or 8 (deflated)`);
  // Deflate makes at most 1,032 bytes of one: a larger size is a lie, and would cost memory.
  if (size > 1032 * stored.length + 1032) return fail(`has ${stored.length} bytes that cannot unpack to ${size}`);
  let content: Uint8Array;
  try {
    // One byte more than announced, to notice what is longer.
    content = inflateSync(stored, { out: new Uint8Array(size + 1) });
  } catch (error) {
    return fail(`is damaged: ${(error as Error).message}`);
  }
  if (content.length !== size) return fail(`does not unpack to the ${size} bytes announced`);
  return content as Uint8Array<ArrayBuffer>;
}
