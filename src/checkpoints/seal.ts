import { AttributeError } from "../errors.ts";

/*
 * A checkpoint holds the SHA-256 of its own bytes, computed with "0" for each of its digits. It is the first entry of a
 * safetensors file's metadata, so its position is fixed, and others can still read the file.
 */

const key = "tilegrad.sha256";

/** Stands for the checksum until it is known: the metadata's first entry. */
export const unsealed = { [key]: "0".repeat(64) };

const start = `{"__metadata__":{"${key}":"`;
const from = 8 + start.length;
const to = from + 64;

/**
 * Writes the checksum into a file whose metadata begins with `unsealed`.
 * @throws AttributeError where something else comes first: JavaScript puts whole numbers before all other names.
 */
export async function seal(bytes: Uint8Array<ArrayBuffer>): Promise<void> {
  if (latin(bytes, 8, from) !== start)
    throw new AttributeError("checkpoints: a whole number is the name of metadata: give it another name");
  new TextEncoder().encodeInto(await digest(bytes), bytes.subarray(from, to));
}

/** What is wrong with the bytes of a file, or `undefined` if they are as `seal` left them. */
export async function damage(bytes: Uint8Array<ArrayBuffer>): Promise<string | undefined> {
  if (latin(bytes, 8, from) !== start)
    return bytes.length < from ? `has only ${bytes.length} bytes` : "has no checksum";
  const checksum = latin(bytes, from, to);
  const blank = bytes.slice();
  blank.fill(0x30, from, to);
  return checksum === (await digest(blank)) ? undefined : "does not match its checksum";
}

const latin = (bytes: Uint8Array, a: number, b: number): string => String.fromCharCode(...bytes.subarray(a, b));

async function digest(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return Array.from(hash, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
