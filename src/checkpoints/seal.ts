/*
 * A checkpoint carries the SHA-256 of its own bytes, computed with zeros in its place. It is the first entry of a
 * safetensors file's metadata, so its position is fixed, and the file remains one that others can read.
 */

/** Stands for the checksum until it is known: the value of the metadata's first entry. */
export const unsealed = { sha256: "0".repeat(64) } as const;

const start = '{"__metadata__":{"sha256":"';
const from = 8 + start.length;
const to = from + unsealed.sha256.length;

/** Writes the checksum into a file whose metadata begins with `unsealed`. */
export async function seal(bytes: Uint8Array<ArrayBuffer>): Promise<void> {
  new TextEncoder().encodeInto(await digest(bytes), bytes.subarray(from, to));
}

/** What is wrong with the bytes of a file, or `undefined` if they are as `seal` left them. */
export async function damage(bytes: Uint8Array<ArrayBuffer>): Promise<string | undefined> {
  const latin = (a: number, b: number) => String.fromCharCode(...bytes.subarray(a, b));
  if (latin(8, from) !== start) return bytes.length < from ? `has only ${bytes.length} bytes` : "has no checksum";
  const checksum = latin(from, to);
  const blank = bytes.slice();
  blank.fill(0x30, from, to);
  return checksum === (await digest(blank)) ? undefined : "does not match its checksum";
}

async function digest(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return Array.from(hash, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
