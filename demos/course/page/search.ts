import MiniSearch from "minisearch";
import type { Section } from "./sections.ts";

/** Loads the words of all lessons. */
export async function openIndex(): Promise<MiniSearch<Section>> {
  const response = await fetch("search.json");
  return indexOf((await response.json()) as Section[]);
}

/** An index of sections. Headings and explained words weigh most. */
export function indexOf(sections: readonly Section[]): MiniSearch<Section> {
  const index = new MiniSearch<Section>({
    fields: ["heading", "title", "terms", "text"],
    storeFields: ["title", "heading", "address"],
    processTerm: asLessonsSpell,
    searchOptions: {
      boost: { heading: 3, title: 2, terms: 4 },
      prefix: true,
      // A short word with a letter changed is another word: GAN is no can.
      fuzzy: (word) => (word.length < 5 ? false : 0.15),
      combineWith: "AND",
    },
  });
  index.addAll(sections);
  return index;
}

/** Lessons write "normalise" and "regularisation"; a reader may look for both spellings. */
const asLessonsSpell = (word: string): string => word.toLowerCase().replace(/iz(?=e|ing|ation)/, "is");
