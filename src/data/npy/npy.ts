import { checkChoice, counted, DTypeError, FormatError, optionsOf, quoted, refuse, ShapeError } from "../../errors.ts";
import { type Bytes, bytesOf, seemsToBe } from "../bytes.ts";
import { checkArray, type DataArray, type TypedArray } from "../dataset.ts";
import { gatherStrided } from "../strides.ts";
import { bytesPerElement, decode, dtypeOf, elementTypes, encode, type NpyDType, narrowed } from "./elements.ts";
import { parseHeader } from "./header.ts";

/** An array from a file of NumPy: row-major values and their sizes, outermost first; [] for a single number. */
export interface NpyArray {
  readonly shape: number[];
  readonly data: TypedArray;
  /** The element type in the file. `data` may be narrower: see `parseNpy`. */
  readonly dtype: NpyDType;
}

/** How a `.npy` file is read. */
export interface NpyOptions {
  /** Of the file in error messages, for instance its path. Default "npy data". */
  readonly name?: string;
  /** Keep 64-bit elements: Float64Array, BigInt64Array, BigUint64Array. Default false. */
  readonly exact?: boolean;
}

const magic = "\x93NUMPY";

/**
 * Parses an npy file, as `numpy.save` writes it: versions 1 to 3, either byte order, C and Fortran order.
 *
 * Elements become what tensors take. f16 becomes Float32Array without loss, bool Uint8Array of 0 and 1. Unless `exact`,
 * f64 (NumPy's default) is rounded to Float32Array, and i64 and u64 become Int32Array and Uint32Array, if every value
 * fits. `dtype` says what the file has.
 *
 * @param file the whole file: an ArrayBuffer, as from `fetch`, or a view of one, such as Node's Buffer. It is copied.
 * @throws FormatError with the fault: another format or version, elements that are not numbers, sizes that do not fit
 * the file, an integer that 32 bits do not hold.
 *
 * Source: numpy.org/doc/stable/reference/generated/numpy.lib.format.html.
 */
export function parseNpy(file: Bytes, options?: NpyOptions): NpyArray {
  const { name, exact } = optionsOf("parseNpy", options, { name: "npy data", exact: false });
  return parseArray(bytesOf(file, name), name, exact);
}

/** `parseNpy` after the checks. */
export function parseArray(bytes: Uint8Array, name: string, exact: boolean): NpyArray {
  const fail = (fault: string): never => {
    throw new FormatError(`${name}: ${fault}`);
  };
  const { text, start } = headerText(bytes, fail);
  const { dtype, bigEndian, fortran, shape } = parseHeader(text, fail);
  const size = bytesPerElement(dtype);
  const expected = shape.reduce((product, n) => product * n, size);
  if (!shape.every(Number.isSafeInteger) || !Number.isSafeInteger(expected)) {
    return fail(`sizes ${quoted(shape)} overflow: no file holds that many values`);
  }
  const actual = bytes.length - start;
  if (actual < expected) {
    return fail(`truncated: sizes ${quoted(shape)} of ${dtype} need ${expected} bytes of data, the file has ${actual}`);
  }
  if (actual > expected) {
    const trailing = counted(actual - expected, "trailing byte");
    return fail(`has ${trailing}: sizes ${quoted(shape)} of ${dtype} need ${expected} bytes of data`);
  }
  const found = decode(copied(bytes, start, expected), dtype, bigEndian);
  const ordered = fortran ? rowMajor(found, shape) : found;
  const data = exact
    ? ordered
    : narrowed(ordered, (value, i, type) =>
        fail(`value ${i} is ${value}, which ${type} does not hold: read it with { exact: true }`),
      );
  return { shape, data, dtype };
}

/** In memory of its own. `slice` of a Buffer would share it. */
function copied(bytes: Uint8Array, start: number, length: number): Uint8Array<ArrayBuffer> {
  const copy = new Uint8Array(length);
  copy.set(bytes.subarray(start, start + length));
  return copy;
}

/** The header as text, and where the values start. */
function headerText(bytes: Uint8Array, fail: (fault: string) => never): { text: string; start: number } {
  if (bytes.length === 0) return fail("is empty, expected an npy file");
  const begin = String.fromCharCode(...bytes.subarray(0, 6));
  if (begin !== magic) {
    const found = [...bytes.subarray(0, 6)].map((byte) => byte.toString(16).padStart(2, "0")).join(" ");
    return fail(`begins with ${found}, expected 93 4e 55 4d 50 59 of an npy file${seemsToBe(bytes)}`);
  }
  const version = bytes[6]!;
  const prefix = version === 1 ? 10 : 12;
  if (bytes.length < prefix) return fail(`too short: ${bytes.length} bytes, an npy file begins with ${prefix}`);
  if (version < 1 || version > 3) return fail(`has version ${version}.${bytes[7]}, expected 1 to 3`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const length = version === 1 ? view.getUint16(8, true) : view.getUint32(8, true);
  const start = prefix + length;
  if (start > bytes.length) return fail(`truncated: its header takes ${start} bytes, the file has ${bytes.length}`);
  if (length > 100_000) return fail(`its header takes ${length} bytes, at most 100000 are allowed`);
  // Latin-1 in versions 1 and 2, UTF-8 in 3; names of fields alone are not ASCII.
  return { text: new TextDecoder(version === 3 ? "utf-8" : "latin1").decode(copied(bytes, prefix, length)), start };
}

/** Reorders values in which the first axis runs fastest. */
function rowMajor<T extends TypedArray>(data: T, shape: readonly number[]): T {
  const out = data.slice() as T;
  const strides = shape.map((_, axis) => shape.slice(0, axis).reduce((product, n) => product * n, 1));
  gatherStrided(data, out, shape, strides);
  return out;
}

/** How an array is written as a `.npy` file. */
export interface SerializeNpyOptions {
  /**
   * Element type in the file. Default that of the typed array; "f16" rounds floats, "bool" makes all but 0 true.
   */
  readonly dtype?: NpyDType;
}

/**
 * An npy file (version 1, little-endian, C order) that `numpy.load` reads.
 * @param array typed array and sizes; [] for a single number.
 * @throws ShapeError if they do not fit each other; DTypeError for data that is not a typed array; AttributeError for a
 * `dtype` that needs another array.
 */
export function serializeNpy(array: DataArray, options?: SerializeNpyOptions): Uint8Array<ArrayBuffer> {
  const { dtype } = optionsOf("serializeNpy", options, { dtype: undefined });
  return serializeArray("serializeNpy", array, dtype);
}

/** `serializeNpy`, for other functions. */
export function serializeArray(op: string, array: DataArray, wanted?: NpyDType): Uint8Array<ArrayBuffer> {
  const { data, shape } = checkArray(op, array);
  const own = ArrayBuffer.isView(data) ? dtypeOf(data) : undefined;
  if (own === undefined) throw new DTypeError(`${op}: data is ${quoted(data)}, expected a typed array`);
  const count = shape.reduce((product, n) => product * n, 1);
  if (shape.some((n) => !Number.isInteger(n) || n < 0) || count !== data.length) {
    throw new ShapeError(`${op}: shape ${quoted(shape)} does not fit ${counted(data.length, "value")}`);
  }
  if (shape.length > 64) throw new ShapeError(`${op}: shape has ${shape.length} axes, NumPy allows 64`);
  const dtype = wanted === undefined ? own : wanted;
  checkChoice(op, "dtype", dtype, Object.keys(elementTypes) as NpyDType[]);
  if (dtype !== own && dtype !== "bool" && !(dtype === "f16" && own === "f32")) {
    refuse(op, "dtype", dtype, own === "f32" ? `"f32", "f16" or "bool" for a Float32Array` : `"${own}" or "bool"`);
  }
  const order = bytesPerElement(dtype) === 1 ? "|" : "<";
  const sizes = shape.length === 1 ? `${shape[0]},` : shape.join(", ");
  const header = `{'descr': '${order}${elementTypes[dtype].code}', 'fortran_order': False, 'shape': (${sizes}), }`;
  // Values begin at a multiple of 64, and the header ends with a line feed.
  const start = Math.ceil((11 + header.length) / 64) * 64;
  const values = encode(data, dtype);
  const file = new Uint8Array(start + values.length).fill(0x20, 0, start);
  file.set(Uint8Array.from(magic, (letter) => letter.charCodeAt(0)));
  file.set([1, 0, (start - 10) & 0xff, (start - 10) >> 8], 6);
  file.set(new TextEncoder().encode(header), 10);
  file[start - 1] = 0x0a;
  file.set(values, start);
  return file;
}
