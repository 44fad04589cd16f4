/** CRC-32 of some parts in a row, as in zip files and PNG: polynomial 0xedb88320, bits from the lowest on. */
export function crc32(parts: Iterable<Uint8Array>): number {
  table ??= Int32Array.from({ length: 256 }, (_, i) => {
    let value = i;
    for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
    return value;
  });
  let crc = -1;
  for (const bytes of parts)
    for (let i = 0; i < bytes.length; i++) crc = table[(crc ^ bytes[i]!) & 0xff]! ^ (crc >>> 8);
  return ~crc >>> 0;
}

let table: Int32Array | undefined;
