import type { Token, Tokens } from "marked";
import type { Section } from "../page/sections.ts";
import { escaped } from "./highlight.ts";
import type { Lesson } from "./lesson.ts";
import { idOf } from "./markdown.ts";
import { partsOf } from "./shelf.ts";

/** The lessons for the page of the course. */
export function listHtml(lessons: readonly Lesson[]): string {
  const item = ({ name, title, summary, minutes }: Lesson): string => `<li data-lesson="${name}">
            <a href="${name}.html">${escaped(title)}</a>
            <p>${escaped(summary)} <span class="minutes">${minutes} minutes</span> <span class="progress"></span></p>
          </li>`;
  const sections = [...partsOf(lessons)].map(
    ([part, list]) => `<section>
        <h2>${escaped(part)}</h2>
        <ol class="lessons" start="${lessons.indexOf(list[0]!) + 1}">
          ${list.map(item).join("\n          ")}
        </ol>
      </section>`,
  );
  return sections.join("\n      ");
}

/** The words of a token, without formulas. */
function wordsOf(token: Token): string {
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

/** What a search finds: each section of each lesson, from one heading to the next. */
export function sectionsOf(lessons: readonly Lesson[]): Section[] {
  const sections: (Omit<Section, "text" | "terms"> & { readonly words: string[]; readonly explained: string[] })[] = [];
  for (const lesson of lessons) {
    const begin = (heading: string, address: string): string[] => {
      const words: string[] = [];
      sections.push({ id: sections.length, title: lesson.title, heading, address, words, explained: [] });
      return words;
    };
    let words = begin(lesson.title, `${lesson.name}.html`);
    words.push(lesson.summary);
    for (const block of lesson.blocks) {
      if (block.kind !== "prose") {
        words.push(block.code);
        continue;
      }
      for (const token of block.tokens) {
        if (token.type === "heading") {
          const text = (token as Tokens.Heading).text;
          words = begin(text, `${lesson.name}.html#${idOf(text)}`);
        } else words.push(wordsOf(token));
        sections.at(-1)!.explained.push(...termsOf(token));
      }
    }
    begin("What you can do now", `${lesson.name}.html#skills`).push(...lesson.skills.map(wordsOf));
  }
  return sections.map(({ words, explained, ...section }) => ({
    ...section,
    terms: explained.join(", "),
    text: words.join(" "),
  }));
}
