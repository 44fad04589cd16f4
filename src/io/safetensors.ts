import { type Bytes, bytesOf, seemsToBe } from "../data/bytes.ts";
import { AttributeError, counted, DTypeError, FormatError, quoted, ShapeError, withArticle } from "../errors.ts";
import { arrayClass, unusable } from "../graph/host.ts";
import { ARRAYS, isSafetensorsDType, type SafetensorsTensor } from "./dtypes.ts";
import { type Json, type JsonObject, Literal, parseJson } from "./json.ts";

/** What a safetensors file holds. */
export interface Safetensors {
  /** Tensors by name, in the order of the file's header. */
  readonly tensors: Map<string, SafetensorsTensor>;
  /** The file's own metadata; {} if it has none. */
  readonly metadata: Record<string, string>;
}

/** The longest header the format allows, in bytes. */
const MAX_HEADER = 100_000_000;

/** A header entry that is valid by itself; offsets count from the first byte after the header. */
interface Entry {
  readonly name: string;
  readonly dtype: SafetensorsTensor["dtype"];
  readonly shape: number[];
  readonly begin: number;
  readonly end: number;
}

type Fail = (fault: string) => never;

/**
 * Parses a safetensors file: the length of the header (8 bytes, little-endian), the header in JSON, then the tensors'
 * values, little-endian and row-major.
 *
 * The whole file is checked first, as strictly as by Hugging Face's own reader: it either parses completely or is
 * refused. The arrays are copies, so tensors may start at any offset, and you may discard or change `bytes` afterwards.
 *
 * @param bytes the whole file: an ArrayBuffer, as from `fetch`, or a view of one, such as Node's Buffer.
 * @param name of the file in error messages, for instance its path.
 * @throws FormatError with the fault and its tensor; for a file of another format, the likely format.
 *
 * Source: huggingface.co/docs/safetensors, "Format", and the checks of github.com/huggingface/safetensors.
 */
export function parseSafetensors(bytes: Bytes, name = "safetensors data"): Safetensors {
  return parse(bytesOf(bytes, name), name);
}

function parse(bytes: Uint8Array, name: string): Safetensors {
  const fail: Fail = (fault) => {
    throw new FormatError(`${name}: ${fault}`);
  };
  const { text, start } = headerText(bytes, fail);
  const header = headerOf(text, fail);
  const dataLength = bytes.length - start;
  const names = [...header.keys()].filter((key) => key !== "__metadata__");
  const entries = names.map((key) => checkEntry(key, header.get(key)!, dataLength, fail));
  checkCoverage(entries, dataLength, fail);
  const tensors = new Map<string, SafetensorsTensor>();
  for (const { name, dtype, shape, begin, end } of entries) {
    const data = new ARRAYS[dtype](bytes.slice(start + begin, start + end).buffer);
    tensors.set(name, { dtype, shape, data } as SafetensorsTensor);
  }
  const metadata = header.has("__metadata__") ? checkMetadata(header.get("__metadata__")!, fail) : {};
  return { tensors, metadata };
}

function headerText(bytes: Uint8Array, fail: Fail): { text: string; start: number } {
  if (bytes.length === 0) return fail("is empty, expected a safetensors file");
  // Only guess the format of files that cannot be safetensors.
  const failOther: Fail = (fault) => fail(`${fault}${seemsToBe(bytes) || " (truncated, or not a safetensors file?)"}`);
  if (bytes.length < 8) {
    return failOther(`too short: ${bytes.length} bytes, a safetensors file begins with a header length of 8`);
  }
  const length = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getBigUint64(0, true);
  if (length > MAX_HEADER) {
    return failOther(`header length is ${length} bytes, at most ${MAX_HEADER} are allowed`);
  }
  if (length > bytes.length - 8) {
    return failOther(`header length is ${length} bytes, but only ${bytes.length - 8} follow it`);
  }
  const start = 8 + Number(length);
  // Check this before decoding, which takes time for a long header.
  if (bytes[8] !== 0x7b || length === 0n) return failOther("header is not a JSON object: expected it to begin with {");
  try {
    return { text: new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes.slice(8, start)), start };
  } catch {
    return fail("header is not UTF-8");
  }
}

function headerOf(text: string, fail: Fail): JsonObject {
  try {
    return parseJson(text) as JsonObject;
  } catch (error) {
    if (error instanceof SyntaxError) return fail(`header ${error.message}`);
    throw error;
  }
}

function checkEntry(name: string, value: Json, dataLength: number, fail: Fail): Entry {
  const failHere: Fail = (fault) => fail(`tensor ${quoted(name)}: ${fault}`);
  if (hasLoneSurrogate(name)) return failHere("the name is not valid Unicode");
  if (!isObject(value)) return failHere(`is ${show(value)}, expected an object with dtype, shape and data_offsets`);
  const field = (key: string): Json => value.get(key) ?? (value.has(key) ? null : failHere(`has no ${key}`));
  const [dtype, shape, offsets] = [field("dtype"), field("shape"), field("data_offsets")];
  if (!isSafetensorsDType(dtype)) {
    return failHere(`dtype is ${show(dtype)}, expected one of ${Object.keys(ARRAYS).join(", ")}`);
  }
  if (!isCounts(shape)) return failHere(`shape is ${show(shape)}, expected an array of integers from 0 to 2^53 - 1`);
  if (!isCounts(offsets) || offsets.length !== 2) {
    return failHere(`data_offsets is ${show(offsets)}, expected two integers from 0 to 2^53 - 1`);
  }
  const [begin, end] = offsets as readonly [number, number];
  if (begin > end) return failHere(`data_offsets [${begin}, ${end}] descend`);
  if (end > dataLength) {
    return failHere(`data_offsets [${begin}, ${end}] exceed the ${dataLength} bytes of data (truncated file?)`);
  }
  const expected = shape.reduce((product, size) => product * size, ARRAYS[dtype].BYTES_PER_ELEMENT);
  // Also refuses Infinity times 0, from sizes whose product overflows.
  if (expected !== end - begin) {
    return failHere(
      `shape ${show(shape)} of ${dtype} takes ${expected} bytes, data_offsets [${begin}, ${end}] hold ${end - begin}`,
    );
  }
  return { name, dtype, shape: [...shape], begin, end };
}

/** Every byte of the data must belong to exactly one tensor, so nothing can hide in the file. */
function checkCoverage(entries: readonly Entry[], dataLength: number, fail: Fail): void {
  let covered = 0;
  let before = "";
  for (const { name, begin, end } of [...entries].sort((a, b) => a.begin - b.begin || a.end - b.end)) {
    if (begin < covered) {
      fail(
        `tensor ${quoted(name)}: data_offsets [${begin}, ${end}] overlap those of ${quoted(before)}, ` +
          `which end at ${covered}`,
      );
    }
    if (begin > covered) fail(`hole: bytes ${covered} to ${begin} of the data belong to no tensor`);
    covered = end;
    before = name;
  }
  if (covered < dataLength) fail(`${dataLength - covered} trailing bytes: the last tensor ends at ${covered}`);
}

function checkMetadata(value: Json, fail: Fail): Record<string, string> {
  if (!isObject(value)) return fail(`__metadata__ is ${show(value)}, expected an object of strings`);
  for (const [key, text] of value) {
    if (typeof text !== "string") return fail(`__metadata__ ${quoted(key)} is ${show(text)}, expected a string`);
    if (hasLoneSurrogate(key + text)) return fail(`__metadata__ ${quoted(key)} is not valid Unicode`);
  }
  return Object.fromEntries(value as ReadonlyMap<string, string>);
}

/**
 * Writes a safetensors file that PyTorch, NumPy and others can load (`safetensors.torch.load_file`).
 *
 * The same tensors give the same bytes. The header lists them in the given order. Values of wider types come first in
 * the data, and the data starts at a multiple of 8, so every tensor is aligned to its element size, as some readers
 * need.
 *
 * @param tensors name and tensor; a Map works. (A plain object does not: it would put names such as "0" first.)
 * @param metadata free text about the file. Some loaders expect `{ format: "pt" }`.
 * @throws ShapeError if a shape does not fit its data; DTypeError if dtype and array type differ; AttributeError for a
 * name given twice or reserved, text that is not valid Unicode, metadata that is not text, or a header beyond 100 MB.
 */
export function serializeSafetensors(
  tensors: Iterable<readonly [name: string, tensor: SafetensorsTensor]>,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array<ArrayBuffer> {
  const given = [...tensors];
  checkTensors(given);
  const offsets = new Map<string, number>();
  let dataLength = 0;
  const elementSize = ([, { data }]: (typeof given)[number]): number => data.BYTES_PER_ELEMENT;
  for (const [name, { data }] of [...given].sort((a, b) => elementSize(b) - elementSize(a))) {
    offsets.set(name, dataLength);
    dataLength += data.byteLength;
  }
  const fields = given.map(([name, { dtype, shape, data }]) => {
    const begin = offsets.get(name)!;
    const entry = { dtype, shape, data_offsets: [begin, begin + data.byteLength] };
    return `${JSON.stringify(name)}:${JSON.stringify(entry)}`;
  });
  if (Object.keys(metadata).length > 0) fields.unshift(`"__metadata__":${metadataText(metadata)}`);
  const header = new TextEncoder().encode(`{${fields.join(",")}}`);
  const start = 8 + Math.ceil(header.length / 8) * 8;
  if (start - 8 > MAX_HEADER) {
    throw new AttributeError(`safetensors: the header takes ${start - 8} bytes, at most ${MAX_HEADER} are allowed`);
  }
  const bytes = new Uint8Array(start + dataLength);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(start - 8), true);
  bytes.set(header, 8);
  bytes.fill(0x20, 8 + header.length, start);
  for (const [name, { data }] of given) {
    bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), start + offsets.get(name)!);
  }
  return bytes;
}

function checkTensors(given: readonly (readonly [string, SafetensorsTensor])[]): void {
  const seen = new Set<string>();
  for (const [name, { dtype, shape, data }] of given) {
    const culprit = `safetensors: tensor ${quoted(name)}`;
    if (name === "__metadata__") throw new AttributeError(`${culprit}: the name is reserved for the file's metadata`);
    if (hasLoneSurrogate(name)) throw new AttributeError(`${culprit}: the name is not valid Unicode`);
    if (seen.has(name)) throw new AttributeError(`${culprit}: the name is given twice`);
    seen.add(name);
    if (!isSafetensorsDType(dtype)) {
      throw new DTypeError(`${culprit}: dtype is ${quoted(dtype)}, expected one of ${Object.keys(ARRAYS).join(", ")}`);
    }
    const expected = ARRAYS[dtype].name;
    if (arrayClass(data) !== expected) {
      throw new DTypeError(`${culprit}: ${dtype} takes ${withArticle(expected)}, not ${quoted(data)}`);
    }
    const fault = unusable(data.buffer);
    if (fault) throw new DTypeError(`${culprit} ${fault}`);
    if (!shape.every(isCount) || shape.reduce((product, size) => product * size, 1) !== data.length) {
      throw new ShapeError(`${culprit}: shape ${quoted(shape)} does not fit its ${counted(data.length, "value")}`);
    }
  }
}

function metadataText(metadata: Readonly<Record<string, string>>): string {
  for (const [key, text] of Object.entries(metadata)) {
    if (typeof text !== "string" || hasLoneSurrogate(key + text)) {
      throw new AttributeError(
        `safetensors: metadata ${quoted(key)} is ${quoted(text)}, expected text in valid Unicode`,
      );
    }
  }
  return JSON.stringify(metadata);
}

const isObject = (value: Json): value is JsonObject => value instanceof Map;

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;

const isCounts = (value: Json): value is readonly number[] => Array.isArray(value) && value.every(isCount);

/** A header value as messages quote it, with numbers as the file writes them. */
function show(value: Json): string {
  if (value instanceof Literal) return value.text.slice(0, 60);
  if (isObject(value)) return "an object";
  if (!Array.isArray(value)) return quoted(value);
  const first = value.slice(0, 8).map((item) => (Array.isArray(item) ? "[…]" : show(item)));
  return `[${first.join(", ")}${value.length > 8 ? ", …" : ""}]`;
}

/** Half of a surrogate pair cannot be encoded in UTF-8, so other readers refuse it. */
function hasLoneSurrogate(text: string): boolean {
  return /\p{Surrogate}/u.test(text);
}
