/*
 * Without a page nobody can measure words. These are generous estimates for the usual sans-serif fonts.
 */

/** Size of letters, in units of the picture. */
export const letter = 12;

/** Shares of the letter size. */
const narrow = 0.34;
const usual = 0.58;
const broad = 0.8;
const full = 1.05;

/** The estimated width of words, in units of the picture. */
export function widthOf(text: string, size = letter): number {
  let sum = 0;
  for (const character of text) sum += shareOf(character);
  return sum * size;
}

function shareOf(character: string): number {
  if (/\p{Mark}/u.test(character)) return 0;
  if (/[iljtfrI.,:;|!'’`()[\]{}\s]/.test(character)) return narrow;
  if (/[mwMWQ@%&—…]/.test(character)) return 0.95;
  if (/[A-Z]/.test(character)) return broad;
  return character.codePointAt(0)! < 0x1100 ? usual : full;
}

/** Words that fit into a width: cut, with an ellipsis, if they are wider. */
export function fitted(text: string, width: number, size = letter): string {
  const line = text.replace(/\s+/g, " ").trim();
  if (widthOf(line, size) <= width) return line;
  let cut = "";
  for (const { segment } of new Intl.Segmenter().segment(line)) {
    if (widthOf(`${cut}${segment}…`, size) > width) break;
    cut += segment;
  }
  return `${cut.trimEnd()}…`;
}
