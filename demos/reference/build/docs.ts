import type { Token } from "marked";
import { escaped } from "../../course/build/highlight.ts";
import { markdown } from "../../course/build/markdown.ts";
import type { Comment, Piece } from "./reflection.ts";
import type { Reference } from "./shelf.ts";

/** The text of a docstring as Markdown. */
export const textOf = (pieces: readonly Piece[], hrefOf?: (id: number) => string | undefined): string =>
  pieces
    .map(({ kind, text, target }) => {
      if (kind !== "inline-tag") return text;
      const href = typeof target === "number" ? hrefOf?.(target) : typeof target === "string" ? target : undefined;
      return href ? `[${text}](${href})` : text;
    })
    .join("")
    .trim();

/** Markdown as HTML. A docstring has no HTML of its own: `<` is a sign of mathematics. */
export function htmlOf(text: string): string {
  const tokens = markdown.lexer(text);
  const visit = (token: Token): void => {
    if (token.type === "html") Object.assign(token, { type: "text", text: token.raw, tokens: undefined });
  };
  markdown.walkTokens(tokens, visit);
  return markdown.parser(tokens).trim();
}

/** The first sentence of a docstring, as plain words. */
export function firstSentence(comment: Comment | undefined): string {
  const text = textOf(comment?.summary ?? [])
    .replace(/`/g, "")
    .replace(/\s+/g, " ");
  return /^.*?[.:](?=\s|$)(?<![( ]\w\.)/.exec(text)?.[0].replace(/:$/, ".") ?? text;
}

/** Code of a text that is exactly a name of the library leads to the reference. Not in links, headings and programs. */
export const linkNames = (html: string, find: Reference["find"], to = "../reference/"): string =>
  html.replace(
    /(<(a|pre|script|h[1-6])\b.*?<\/\2>)|<code>([A-Za-z][\w.]*(?:\(\))?)<\/code>/gs,
    (whole: string, other: string | undefined, _, name: string) => {
      const href = other === undefined && /[.(]/.test(name) ? find(name) : undefined;
      return href === undefined ? whole : `<a class="name" href="${to}${href}"><code>${escaped(name)}</code></a>`;
    },
  );
