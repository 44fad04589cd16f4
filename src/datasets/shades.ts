/*
 * Images of eight shades in few bytes, by arithmetic coding: https://en.wikipedia.org/wiki/Arithmetic_coding. A pixel is three
 * bits. How likely each is a 1 is counted among the pixels so far that had the same neighbours above and to the left.
 */

/** Neighbours that show little more: light, middle or dark, and paper. */
const coarse = [0, 1, 1, 2, 2, 2, 3, 3] as const;
const contexts = 8 * 8 * 4 * 4;
/** So many bits at most are remembered in a context: later ones count more. */
const memory = 250;
const rarest = 1 / 2048;

/**
 * Goes through the bits of images, those of a pixel from the highest on.
 * @param shades of images of side × side pixels: read, and written.
 * @param code gets how likely a bit is 1, and what it is in `shades`; it returns what it shall be there.
 */
export function walkBits(shades: Uint8Array, side: number, code: (chance: number, bit: number) => number): void {
  const chances = new Float64Array(contexts * 8).fill(0.5);
  const counts = new Uint8Array(contexts * 8);
  for (let i = 0; i < shades.length; i++) {
    const column = i % side;
    const [isFirst, hasAbove] = [column === 0, i % (side * side) >= side];
    const left = isFirst ? 0 : shades[i - 1]!;
    const above = hasAbove ? shades[i - side]! : 0;
    const leftAbove = hasAbove && !isFirst ? coarse[shades[i - side - 1]!]! : 0;
    const rightAbove = hasAbove && column < side - 1 ? coarse[shades[i - side + 1]!]! : 0;
    const context = ((left * 8 + above) * 4 + leftAbove) * 4 + rightAbove;
    const own = shades[i]!;
    let shade = 1; // and behind this 1 the bits of the pixel so far
    for (let place = 4; place >= 1; place >>= 1) {
      const at = context * 8 + shade;
      const chance = chances[at]!;
      const bit = code(chance, own & place ? 1 : 0);
      const learned = chance + (bit - chance) / (counts[at]! + 1.5);
      chances[at] = learned < rarest ? rarest : learned > 1 - rarest ? 1 - rarest : learned;
      if (counts[at]! < memory) counts[at]!++;
      shade = 2 * shade + bit;
    }
    shades[i] = shade & 7;
  }
}

/** The shades, 0 to 7, of images that were coded. @param count of pixels. */
export function decodedShades(bytes: Uint8Array, count: number, side: number): Uint8Array {
  const shades = new Uint8Array(count);
  // The bytes are a number between 0 and 1, and each bit a part of what is left of this interval: 1 comes first.
  let [width, place, next] = [2 ** 32, 0, 0];
  const widen = (): void => {
    width *= 256;
    place = place * 256 + (bytes[next++] ?? 0);
  };
  for (let i = 0; i < 4; i++) place = place * 256 + bytes[next++]!;
  walkBits(shades, side, (chance) => {
    while (width < 2 ** 24) widen();
    const ones = Math.floor(width * chance);
    if (place < ones) {
      width = ones;
      return 1;
    }
    place -= ones;
    width -= ones;
    return 0;
  });
  return shades;
}
