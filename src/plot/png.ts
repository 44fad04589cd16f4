import { zlibSync } from "fflate";
import { toBase64 } from "../bytes/base64.ts";
import { crc32 } from "../bytes/crc32.ts";

/*
 * PNG files (W3C, "Portable Network Graphics Specification"): eight bits per channel, grey or RGB, without filters.
 */

const signature = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];

/**
 * A picture as a PNG file.
 * @param pixels [height, width, channels] of one byte each. @param channels 1 (grey) or 3 (RGB).
 */
export function png(pixels: Uint8Array, width: number, height: number, channels: 1 | 3): Uint8Array {
  const line = width * channels;
  const filtered = new Uint8Array(height * (1 + line)); // Each line begins with the number of its filter: 0, none.
  for (let y = 0; y < height; y++) filtered.set(pixels.subarray(y * line, (y + 1) * line), y * (1 + line) + 1);
  const header = new DataView(new ArrayBuffer(13));
  header.setUint32(0, width);
  header.setUint32(4, height);
  header.setUint8(8, 8);
  header.setUint8(9, channels === 1 ? 0 : 2);
  const chunks = [
    chunk("IHDR", new Uint8Array(header.buffer)),
    chunk("IDAT", zlibSync(filtered)),
    chunk("IEND", new Uint8Array(0)),
  ];
  return Uint8Array.from([signature, ...chunks].flatMap((bytes) => [...bytes]));
}

/** Length, name, data, and the checksum of name and data. */
function chunk(name: string, data: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(12 + data.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, data.length);
  bytes.set(
    [...name].map((character) => character.charCodeAt(0)),
    4,
  );
  bytes.set(data, 8);
  view.setUint32(8 + data.length, crc32([bytes.subarray(4, 8 + data.length)]));
  return bytes;
}

/** A PNG file as an address that holds it. */
export const dataUri = (bytes: Uint8Array): string => `data:image/png;base64,${toBase64(bytes)}`;
