import { walkBits } from "../src/datasets/shades.ts";

/** What `decodedShades` of src/datasets/shades.ts reads: the bytes of images with shades from 0 to 7. */
export function codedShades(shades: Uint8Array, side: number): Uint8Array {
  const bytes: number[] = [];
  // The interval that the bits so far stand for: its lower end behind these bytes, and its width.
  let [low, width] = [0, 2 ** 32];
  const raise = (by: number): void => {
    low += by;
    if (low < 2 ** 32) return;
    low -= 2 ** 32;
    let i = bytes.length - 1;
    for (; bytes[i] === 255; i--) bytes[i] = 0;
    bytes[i]!++;
  };
  const write = (): void => {
    bytes.push(Math.floor(low / 2 ** 24));
    low = (low % 2 ** 24) * 256;
  };
  walkBits(shades.slice(), side, (chance, bit) => {
    for (; width < 2 ** 24; width *= 256) write();
    const ones = Math.floor(width * chance);
    if (!bit) raise(ones);
    width = bit ? ones : width - ones;
    return bit;
  });
  raise(Math.floor(width / 2));
  for (let i = 0; i < 4; i++) write();
  return Uint8Array.from(bytes);
}
