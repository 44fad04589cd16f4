/** What a piece of WGSL is; undefined for names and punctuation. */
export type Kind = "comment" | "keyword" | "type" | "number" | "attribute" | "call" | undefined;

const keywords =
  "alias|bitcast|break|case|const|const_assert|continue|continuing|default|diagnostic|discard|else|enable|false|fn|for|if|let|loop|override|requires|return|struct|switch|true|var|while|workgroup|storage|uniform|private|function|read|write|read_write";
const types = "bool|f16|f32|i32|u32|F|I|U|H|vec[234][fhiu]?|mat[234]x[234][fh]?|array|atomic|ptr|sampler|texture_\\w+";

const tokens = new RegExp(
  [
    "(?<comment>//[^\\n]*|/\\*[\\s\\S]*?\\*/)",
    "(?<attribute>@\\w+)",
    "(?<number>\\b(?:0x[\\da-fA-F]+|\\d+\\.?\\d*(?:[eE][+-]?\\d+)?)[fhiu]?\\b)",
    `(?<keyword>\\b(?:${keywords})\\b)`,
    `(?<type>\\b(?:${types})\\b)`,
    "(?<call>\\b[A-Za-z_]\\w*(?=\\())",
  ].join("|"),
  "g",
);

/** Cuts WGSL into pieces, each with what it is. All pieces together are the text. */
export function highlight(text: string): { readonly text: string; readonly kind: Kind }[] {
  const pieces: { text: string; kind: Kind }[] = [];
  let end = 0;
  for (const match of text.matchAll(tokens)) {
    if (match.index > end) pieces.push({ text: text.slice(end, match.index), kind: undefined });
    const kind = Object.entries(match.groups!).find(([, found]) => found !== undefined)![0] as Kind;
    pieces.push({ text: match[0], kind });
    end = match.index + match[0].length;
  }
  if (end < text.length) pieces.push({ text: text.slice(end), kind: undefined });
  return pieces;
}
