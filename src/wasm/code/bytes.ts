/** A whole number from 0, seven bits a byte, the lowest first. */
export function unsigned(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  do {
    const low = rest % 128;
    rest = Math.floor(rest / 128);
    bytes.push(rest > 0 ? low + 128 : low);
  } while (rest > 0);
  return bytes;
}

/** A whole number of 32 bits with its sign, seven bits a byte, the lowest first. */
export function signed(value: number): number[] {
  const bytes: number[] = [];
  let rest = value | 0;
  while (true) {
    const low = rest & 127;
    rest >>= 7;
    const isLast = (rest === 0 && low < 64) || (rest === -1 && low >= 64);
    bytes.push(isLast ? low : low + 128);
    if (isLast) return bytes;
  }
}

/** A text with its length before it. */
export const named = (text: string): number[] => sized([...new TextEncoder().encode(text)]);

/** Bytes with their number before them. */
export const sized = (bytes: readonly number[]): number[] => [...unsigned(bytes.length), ...bytes];

/** Items with their number before them. */
export const listed = (items: readonly (readonly number[])[]): number[] => [...unsigned(items.length), ...items.flat()];
