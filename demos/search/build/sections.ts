import type { Token, Tokens } from "marked";
import { idOf } from "../../course/build/markdown.ts";
import type { Entry } from "../entry.ts";

/** The words of a token, without formulas. */
export function wordsOf(token: Token): string {
  if ("tokens" in token && token.tokens) return token.tokens.map(wordsOf).join(" ");
  if (token.type === "list") return (token as Tokens.List).items.map(wordsOf).join(" ");
  return "text" in token ? token.text : "";
}

/** What a token emphasises: the words that a section explains. */
function termsOf(token: Token): string[] {
  const inner = [(token as { tokens?: Token[] }).tokens, (token as { items?: Token[] }).items].flatMap(
    (list) => list ?? [],
  );
  return token.type === "em" ? [wordsOf(token)] : inner.flatMap(termsOf);
}

/** The sections of a page, one for each heading. */
export class Sections {
  readonly #found: (Omit<Entry, "id" | "terms" | "text"> & {
    readonly words: string[];
    readonly explained: string[];
  })[] = [];
  constructor(
    readonly kind: Entry["kind"],
    readonly title: string,
    readonly address: string,
  ) {
    this.begin(title);
  }

  begin(name: string, id?: string): void {
    const address = id === undefined ? this.address : `${this.address}#${id}`;
    this.#found.push({ kind: this.kind, name, place: this.title, address, words: [], explained: [] });
  }

  words(text: string): void {
    this.#found.at(-1)!.words.push(text);
  }

  explain(terms: string): void {
    this.#found.at(-1)!.explained.push(terms);
  }

  /** Text with headings, which begin sections. */
  take(tokens: readonly Token[]): void {
    for (const token of tokens) {
      if (token.type === "heading") this.begin((token as Tokens.Heading).text, idOf((token as Tokens.Heading).text));
      else this.words(wordsOf(token));
      for (const term of termsOf(token)) this.explain(term);
    }
  }

  get entries(): Omit<Entry, "id">[] {
    return this.#found.map(({ words, explained, ...section }) => ({
      ...section,
      terms: explained.join(", "),
      text: words.join(" "),
    }));
  }
}
