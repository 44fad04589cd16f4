import type { SafetensorsDType } from "../../io/dtypes.ts";
import type { Source } from "./source.ts";

/** What elements are: numbers, texts of a fixed number of bytes, or texts that are stored elsewhere. */
export type ElementType =
  | { readonly kind: "number"; readonly dtype: SafetensorsDType; readonly bytes: number }
  | { readonly kind: "text"; readonly bytes: number }
  | { readonly kind: "reference to text"; readonly bytes: number };

/** Floats by the bytes of all, and the bits of exponent and mantissa. */
const floats: Readonly<Record<string, SafetensorsDType>> = {
  "2 5 10": "F16",
  "2 8 7": "BF16",
  "4 8 23": "F32",
  "8 11 52": "F64",
};

const integers: Readonly<Record<number, readonly [unsigned: SafetensorsDType, signed: SafetensorsDType]>> = {
  1: ["U8", "I8"],
  2: ["U16", "I16"],
  4: ["U32", "I32"],
  8: ["U64", "I64"],
};

/** The type in a datatype message (IV.A.2.d). @param what has it, for errors. */
export function elementTypeAt(source: Source, at: number, what: string): ElementType {
  const kind = source.u8(at) & 15;
  const flags = source.u8(at + 1);
  const bytes = source.u32(at + 4);
  const number = (dtype: SafetensorsDType | undefined): ElementType => {
    if (kind < 2 && flags & 0x41) return source.fail(`${what} is big-endian`);
    return dtype
      ? { kind: "number", dtype, bytes }
      : source.fail(`${what} has numbers of ${bytes} bytes that are not read`);
  };
  if (kind === 0) return number(integers[bytes]?.[flags & 8 ? 1 : 0]);
  if (kind === 1) return number(floats[`${bytes} ${source.u8(at + 13)} ${source.u8(at + 15)}`]);
  if (kind === 3) return { kind: "text", bytes };
  // h5py writes truth values as an enumeration of bytes.
  if (kind === 8 && bytes === 1) return number("BOOL");
  if (kind === 9 && (flags & 15) === 1) return { kind: "reference to text", bytes: 16 };
  return source.fail(`${what} has elements of HDF5's class ${kind}, expected numbers or texts`);
}

/** The sizes in a dataspace message (IV.A.2.b); [] is one element. */
export function shapeAt(source: Source, at: number, what: string): number[] {
  const [version, rank] = [source.u8(at), source.u8(at + 1)];
  if (version !== 1 && version !== 2)
    return source.fail(`${what} has a dataspace of version ${version}, expected 1 or 2`);
  if (version === 2 && source.u8(at + 3) === 2) return [0];
  const first = at + (version === 1 ? 8 : 4);
  const shape = Array.from({ length: rank }, (_, axis) => source.u64(first + 8 * axis));
  return rank <= 32 ? shape : source.fail(`${what} has ${rank} axes, HDF5 allows 32`);
}

/** How many elements a shape has. */
export const countOf = (shape: readonly number[]): number => shape.reduce((product, n) => product * n, 1);
