import { AttributeError, DTypeError, FormatError, ShapeError } from "../errors.ts";
import { ARRAYS, isSafetensorsDType, type SafetensorsTensor } from "./dtypes.ts";
import { objectKeys } from "./json.ts";

export interface Safetensors {
  /** Tensors by name, in the order of the file's header. */
  readonly tensors: Map<string, SafetensorsTensor>;
  /** What the file says about itself; {} where it says nothing. */
  readonly metadata: Record<string, string>;
}

/** The longest header the format allows, in bytes. */
const MAX_HEADER = 100_000_000;

/** A header entry, known to be sound by itself; offsets count from the first byte after the header. */
interface Entry {
  readonly name: string;
  readonly dtype: SafetensorsTensor["dtype"];
  readonly shape: number[];
  readonly begin: number;
  readonly end: number;
}

type Fail = (fault: string) => never;

/**
 * Reads a safetensors file: 8 bytes little-endian length of the header, the header in JSON, then the tensors' values,
 * little-endian and row-major.
 *
 * Everything is checked before anything is used, as strictly as by Hugging Face's own reader: a file either parses
 * whole or is refused. The arrays are copies, so tensors may lie at any offset and `bytes` may be dropped or changed
 * afterwards.
 *
 * @param bytes the whole file.
 * @param name what error messages call the file, for instance its path.
 * @throws FormatError naming the fault, and the tensor where it is one's.
 *
 * Source: huggingface.co/docs/safetensors, "Format", and the checks of github.com/huggingface/safetensors.
 */
export function parseSafetensors(bytes: Uint8Array, name = "safetensors data"): Safetensors {
  // Node's Buffer is a Uint8Array whose slices share memory: look at it as a plain one.
  return parse(new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength), name);
}

function parse(bytes: Uint8Array, name: string): Safetensors {
  const fail: Fail = (fault) => {
    throw new FormatError(`${name}: ${fault}`);
  };
  const { text, start } = headerText(bytes, fail);
  let header: Record<string, unknown>;
  try {
    header = JSON.parse(text) as Record<string, unknown>;
  } catch (error) {
    return fail(`header is not JSON: ${(error as Error).message}`);
  }
  const { keys, duplicate } = objectKeys(text);
  if (duplicate !== undefined) return fail(`header has the key "${duplicate}" twice in one object`);
  const dataLength = bytes.length - start;
  const names = keys.filter((key) => key !== "__metadata__");
  const entries = names.map((key) => checkEntry(key, header[key], dataLength, fail));
  checkCoverage(entries, dataLength, fail);
  const tensors = new Map<string, SafetensorsTensor>();
  for (const { name, dtype, shape, begin, end } of entries) {
    const data = new ARRAYS[dtype](bytes.slice(start + begin, start + end).buffer);
    tensors.set(name, { dtype, shape, data } as SafetensorsTensor);
  }
  const metadata = keys.includes("__metadata__") ? checkMetadata(header.__metadata__, fail) : {};
  return { tensors, metadata };
}

function headerText(bytes: Uint8Array, fail: Fail): { text: string; start: number } {
  if (bytes.length < 8) {
    return fail(`too short: ${bytes.length} bytes, a safetensors file begins with a header length of 8`);
  }
  const length = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getBigUint64(0, true);
  if (length > MAX_HEADER) {
    return fail(`header length is ${length} bytes, at most ${MAX_HEADER} are allowed (is this a safetensors file?)`);
  }
  if (length > bytes.length - 8) {
    return fail(`header length is ${length} bytes, but only ${bytes.length - 8} follow it (truncated file?)`);
  }
  const start = 8 + Number(length);
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes.slice(8, start));
  } catch {
    return fail("header is not UTF-8");
  }
  if (!text.startsWith("{")) return fail("header is not a JSON object: expected it to begin with {");
  return { text, start };
}

function checkEntry(name: string, value: unknown, dataLength: number, fail: Fail): Entry {
  const failHere: Fail = (fault) => fail(`tensor "${name}": ${fault}`);
  if (hasLoneSurrogate(name)) return failHere("the name is not valid Unicode");
  if (!isRecord(value)) return failHere("expected an object with dtype, shape and data_offsets");
  for (const field of ["dtype", "shape", "data_offsets"]) {
    if (!Object.hasOwn(value, field)) return failHere(`has no ${field}`);
  }
  const { dtype, shape, data_offsets: offsets } = value;
  if (!isSafetensorsDType(dtype)) {
    return failHere(`dtype is ${JSON.stringify(dtype)}, expected one of ${Object.keys(ARRAYS).join(", ")}`);
  }
  if (!Array.isArray(shape) || !shape.every(isCount)) {
    return failHere(`shape is ${JSON.stringify(shape)}, expected an array of integers of at least 0`);
  }
  if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every(isCount)) {
    return failHere(`data_offsets is ${JSON.stringify(offsets)}, expected two integers of at least 0`);
  }
  const [begin, end] = offsets as [number, number];
  if (begin > end) return failHere(`data_offsets [${begin}, ${end}] descend`);
  if (end > dataLength) {
    return failHere(`data_offsets [${begin}, ${end}] reach beyond the ${dataLength} bytes of data (truncated file?)`);
  }
  const expected = shape.reduce((product, size) => product * size, ARRAYS[dtype].BYTES_PER_ELEMENT);
  if (expected !== end - begin) {
    return failHere(
      `shape [${shape.join(", ")}] of ${dtype} takes ${expected} bytes, ` +
        `data_offsets [${begin}, ${end}] hold ${end - begin}`,
    );
  }
  return { name, dtype, shape, begin, end };
}

/** Every byte of the data belongs to exactly one tensor: nothing can hide in the file. */
function checkCoverage(entries: readonly Entry[], dataLength: number, fail: Fail): void {
  let covered = 0;
  let before = "";
  for (const { name, begin, end } of [...entries].sort((a, b) => a.begin - b.begin || a.end - b.end)) {
    if (begin < covered) {
      fail(`tensor "${name}": data_offsets [${begin}, ${end}] overlap those of "${before}", which end at ${covered}`);
    }
    if (begin > covered) fail(`hole: bytes ${covered} to ${begin} of the data belong to no tensor`);
    covered = end;
    before = name;
  }
  if (covered < dataLength) fail(`${dataLength - covered} trailing bytes: the last tensor ends at ${covered}`);
}

function checkMetadata(value: unknown, fail: Fail): Record<string, string> {
  if (!isRecord(value)) return fail("__metadata__ is not an object of strings");
  for (const [key, text] of Object.entries(value)) {
    if (typeof text !== "string") return fail(`__metadata__ "${key}" is ${JSON.stringify(text)}, expected a string`);
    if (hasLoneSurrogate(key + text)) return fail(`__metadata__ "${key}" is not valid Unicode`);
  }
  return value as Record<string, string>;
}

/**
 * Writes a safetensors file that PyTorch, NumPy and others load (`safetensors.torch.load_file`).
 *
 * The same tensors give the same bytes. The header lists them in the given order. Values of wider types come first in
 * the data, and the data begins at a multiple of 8, so every tensor is aligned to its elements, as some readers need.
 *
 * @param tensors name and tensor; a Map will do. (Not a plain object: it would put names such as "0" first.)
 * @param metadata free text about the file. Some loaders ask for `{ format: "pt" }`.
 * @throws ShapeError if a shape does not fit its data; DTypeError if dtype and array type differ; AttributeError for a
 *   name given twice or reserved, text that is not valid Unicode, metadata that is not text, a header beyond 100 MB.
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
    const culprit = `safetensors: tensor "${name}"`;
    if (name === "__metadata__") throw new AttributeError(`${culprit}: the name is reserved for the file's metadata`);
    if (hasLoneSurrogate(name)) throw new AttributeError(`${culprit}: the name is not valid Unicode`);
    if (seen.has(name)) throw new AttributeError(`${culprit}: the name is given twice`);
    seen.add(name);
    if (!isSafetensorsDType(dtype)) {
      throw new DTypeError(`${culprit}: dtype is "${dtype}", expected one of ${Object.keys(ARRAYS).join(", ")}`);
    }
    const expected = ARRAYS[dtype].name;
    const found = Object.prototype.toString.call(data).slice(8, -1);
    if (found !== expected) throw new DTypeError(`${culprit}: ${dtype} takes a ${expected}, not a ${found}`);
    if (!shape.every(isCount) || shape.reduce((product, size) => product * size, 1) !== data.length) {
      throw new ShapeError(`${culprit}: shape [${shape.join(", ")}] does not fit its ${data.length} values`);
    }
  }
}

function metadataText(metadata: Readonly<Record<string, string>>): string {
  for (const [key, text] of Object.entries(metadata)) {
    if (typeof text !== "string" || hasLoneSurrogate(key + text)) {
      throw new AttributeError(
        `safetensors: metadata "${key}" is ${JSON.stringify(text)}, expected text in valid Unicode`,
      );
    }
  }
  return JSON.stringify(metadata);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** -0, which JSON can write, is none. */
function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0 && !Object.is(value, -0);
}

/** Half of a surrogate pair: it has no UTF-8, so other readers refuse it. */
function hasLoneSurrogate(text: string): boolean {
  return /\p{Surrogate}/u.test(text);
}
