/*
 * Bytes as text of a page: 13 bits in two of 91 characters, where base64 takes 12. No character means anything in a
 * script element or in a JSON text but the backslash. Read in browsers, where base64 in a file would weigh 8 % more.
 */

/** Characters from # on, without <. */
const codeOf = (digit: number): number => digit + 35 + Number(digit >= 25);
const digitOf = (code: number): number => code - 35 - Number(code > 60);

export function packedText(bytes: Uint8Array): string {
  let [text, held, bits] = ["", 0, 0];
  const put = (): void => {
    const digits = held & 8191;
    text += String.fromCharCode(codeOf(digits % 91), codeOf(Math.floor(digits / 91)));
    held >>= 13;
    bits -= 13;
  };
  for (const byte of bytes) {
    held |= byte << bits;
    bits += 8;
    if (bits >= 13) put();
  }
  if (bits > 0) put();
  return text;
}

/** @param length of the bytes. */
export function unpackedBytes(text: string, length: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  let [held, bits, at] = [0, 0, 0];
  for (let i = 0; i < text.length; i += 2) {
    held |= (digitOf(text.charCodeAt(i)) + 91 * digitOf(text.charCodeAt(i + 1))) << bits;
    for (bits += 13; bits >= 8; bits -= 8) {
      bytes[at++] = held & 255;
      held >>= 8;
    }
  }
  return bytes;
}
