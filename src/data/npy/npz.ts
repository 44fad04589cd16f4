import { zipSync } from "fflate";
import { AttributeError, checkObject, checkWhole, LimitError, optionsOf, quoted } from "../../errors.ts";
import { type Bytes, bytesOf } from "../bytes.ts";
import type { DataArray } from "../dataset.ts";
import { type NpyArray, type NpyOptions, parseArray, serializeArray } from "./npy.ts";
import { unzip } from "./zip.ts";

/** How a `.npz` archive is read. */
export interface NpzOptions extends NpyOptions {
  /** Refuse archives that unpack to more bytes, before they do. Default 2³⁰, 1 GiB. */
  readonly maxBytes?: number;
}

/**
 * Parses an npz file: arrays by name, as `numpy.savez` and `savez_compressed` write them. Elements become what
 * `parseNpy` makes of them.
 *
 * ```ts
 * const arrays = parseNpz(await readFile("train.npz"), { name: "train.npz" });
 * const dataset = { x: arrays.get("x")!, y: arrays.get("y")! };
 * ```
 *
 * @returns the arrays in the file's order. Names lack the `.npy` of the archive.
 * @throws FormatError with the fault and its array: another format, damage (checksums are checked), a file inside that
 * is not npy; LimitError for an archive that unpacks to more than `maxBytes`.
 *
 * Source: numpy.org/doc/stable/reference/generated/numpy.savez.html.
 */
export function parseNpz(file: Bytes, options?: NpzOptions): Map<string, NpyArray> {
  const defaults = { name: "npz data", exact: false, maxBytes: 2 ** 30 };
  const { name, exact, maxBytes } = optionsOf("parseNpz", options, defaults);
  checkWhole("parseNpz", "maxBytes", maxBytes);
  const arrays = new Map<string, NpyArray>();
  for (const [path, bytes] of unzip(bytesOf(file, name), name, maxBytes)) {
    arrays.set(path.replace(/\.npy$/, ""), parseArray(bytes, `${name}: ${quoted(path)}`, exact));
  }
  return arrays;
}

/** Bytes of a file's name in a zip archive: its length is a number of 16 bits. */
const longestName = 65_535;

/** How arrays are written as a `.npz` archive. */
export interface SerializeNpzOptions {
  /** Deflate the arrays, as `numpy.savez_compressed`. Default false, as `numpy.savez`. */
  readonly compress?: boolean;
}

/**
 * An npz file that `numpy.load` reads: named arrays, such as a dataset. The same arrays give the same bytes.
 * @throws as `serializeNpy`; AttributeError for an empty name, LimitError for one that zip archives cannot hold.
 */
export function serializeNpz(
  arrays: Readonly<Record<string, DataArray>>,
  options?: SerializeNpzOptions,
): Uint8Array<ArrayBuffer> {
  checkObject("serializeNpz", "arrays", arrays, "{ x: { data, shape }, … }");
  const { compress } = optionsOf("serializeNpz", options, { compress: false });
  const files = Object.entries(arrays).map(([name, array]) => {
    if (name === "") throw new AttributeError('serializeNpz: arrays has the name "", expected letters');
    const file = `${name}.npy`;
    const bytes = new TextEncoder().encode(file).length;
    if (bytes > longestName) {
      throw new LimitError(
        `serializeNpz: arrays has the name ${quoted(name)}, whose file has a name of ${bytes} bytes, expected at most ${longestName}`,
      );
    }
    return [file, serializeArray("serializeNpz", array)];
  });
  // Without a date, which would make each file another.
  return zipSync(Object.fromEntries(files), { level: compress ? 6 : 0, mtime: "1980-01-01T12:00:00" });
}
