import { crc32 } from "../bytes/crc32.ts";
import type { SafetensorsTensor } from "../io/dtypes.ts";

/** The CRC-32 of the weights in a file, as eight hexadecimal digits: their bytes, ordered by their names. */
export function checksum(tensors: ReadonlyMap<string, SafetensorsTensor>): string {
  const parts = [...tensors.keys()].sort().map((name) => {
    const { buffer, byteOffset, byteLength } = tensors.get(name)!.data;
    return new Uint8Array(buffer, byteOffset, byteLength);
  });
  return crc32(parts).toString(16).padStart(8, "0");
}
