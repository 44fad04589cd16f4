import type { Guide } from "../../reading/guides.ts";
import { Sections } from "./sections.ts";

/** What a search finds of the guides: each section, from one heading to the next. */
export function guideEntries(guides: readonly Guide[]) {
  return guides.flatMap(({ name, title, words, tokens }) => {
    const sections = new Sections("guide", title, `guides/${name}.html`);
    sections.explain(words);
    sections.take(tokens);
    return sections.entries;
  });
}
