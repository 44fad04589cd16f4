import MiniSearch from "minisearch";
import type { Section } from "./sections.ts";

/** Loads the words of all lessons. */
export async function openIndex(): Promise<MiniSearch<Section>> {
  const response = await fetch("search.json");
  const index = new MiniSearch<Section>({
    fields: ["heading", "title", "text"],
    storeFields: ["title", "heading", "address"],
    searchOptions: { boost: { heading: 3, title: 2 }, prefix: true, fuzzy: 0.15, combineWith: "AND" },
  });
  index.addAll((await response.json()) as Section[]);
  return index;
}
