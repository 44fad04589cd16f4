/* Hints for slips that are common in hand-written WGSL. */

/** What a compiler said about a line of a user's text. */
export interface Slip {
  readonly line: string;
  readonly said: string;
  /** Names of the op's tensors, and how its text reads or stores their elements. */
  readonly tensors: ReadonlyMap<string, string>;
}

/** What the user may have meant, in words; undefined if the error is no such slip. */
export function hintOf({ line, said, tensors }: Slip): string | undefined {
  const indexed = [...line.matchAll(/(\w+)\s*\[/g)].map(([, name]) => tensors.get(name!)).find((hint) => hint);
  if (indexed) return indexed;
  if (line.includes("?")) return "WGSL has no ?:, write select(otherwise, value, condition)";
  if (line.includes("**")) return "WGSL has no **, write pow(x, y)";
  if (/[!=]==/.test(line)) return "WGSL compares with == and !=";
  if (said.includes("select(bool")) return "the condition of select comes last: select(otherwise, value, condition)";
  const [wanted, given] = new Set(said.match(/\b[fiu]32\b/g));
  if (!given) return undefined;
  const [to, from] = said.includes("operator") && given === "f32" ? [given, wanted] : [wanted, given];
  return `WGSL converts no numbers by itself, write ${to}(…) around the ${from}`;
}
