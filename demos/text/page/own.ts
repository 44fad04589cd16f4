/** The longest line that is a text of its own. */
const longestLine = 24;

/** The least that can be split into something to learn and something to validate on. */
const leastCharacters = 1000;
const leastLines = 50;

/** What is enough, in words. */
export const least = `${leastCharacters.toLocaleString("en-US")} characters, or a list of ${leastLines} different short lines`;

/** A text with line ends as `\n` and without space around lines. */
export const tidied = (text: string): string => text.replaceAll(/\s*\n\s*/g, "\n").trim();

/** Whether a text is a list of words or names rather than running text. */
export function isList(text: string): boolean {
  const all = [...new Set(text.split("\n"))];
  return all.length >= leastLines && all.every((line) => [...line].length < longestLine);
}

/** Why a text is too little to learn from; undefined if it is enough. */
export function shortcoming(text: string): string | undefined {
  const tidy = tidied(text);
  if (isList(tidy)) return undefined;
  const { length } = [...tidy];
  if (length >= leastCharacters) return undefined;
  return `The text has ${length} characters: it needs at least ${least}.`;
}
