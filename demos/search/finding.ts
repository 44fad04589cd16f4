import type { Options } from "minisearch";
import MiniSearch from "minisearch";
import type { Entry, Found } from "./entry.ts";

/** Lessons write "normalise" and "regularisation"; a reader may look for both spellings. */
const asLessonsSpell = (word: string): string => word.toLowerCase().replace(/iz(?=e|ing|ation)/, "is");

/** A name that runs words together is found by each of them: `crossEntropy` by "cross" and "entropy". */
const termsOf = (word: string): string[] => {
  const parts = word.split(/(?<=[a-z\d])(?=[A-Z])/);
  return [...new Set([word, ...(parts.length > 1 ? parts : [])])].map(asLessonsSpell);
};

/** Names are compared without what people type in several ways. */
const plain = (text: string): string => text.toLowerCase().replace(/[^\p{L}\d]+/gu, "");

/** How the index is made, and read. */
export const options: Options<Entry> = {
  fields: ["name", "place", "terms", "text"],
  storeFields: ["kind", "name", "place", "address"],
  processTerm: termsOf,
};

/** How many entries a page shows, and how many of one kind. */
const most = 10;
const mostOfKind = 6;

/** An index of entries. */
export function indexOf(entries: readonly Omit<Entry, "id">[]): MiniSearch<Entry> {
  const index = new MiniSearch(options);
  index.addAll(entries.map((entry, id) => ({ ...entry, id })));
  return index;
}

/**
 * What matches all words best, at most ten of at least two kinds. A name that is exactly the words comes first.
 * @param first a kind that comes before the others: on the page of the course, lessons explain a word.
 */
export function find(index: MiniSearch<Entry>, words: string, first?: Entry["kind"]): Found[] {
  const whole = plain(words);
  const search = (combineWith: "AND" | "OR") =>
    index.search(words, {
      processTerm: asLessonsSpell,
      boost: { name: 4, place: 2, terms: 4 },
      prefix: (word) => word.length > 1,
      // A short word with a letter changed is another word: GAN is no can.
      fuzzy: (word) => (word.length > 4 ? 0.2 : false),
      combineWith,
      // A word as it was typed comes before one that is almost the same.
      weights: { prefix: 0.4, fuzzy: 0.1 },
      boostDocument: (_, __, stored) => {
        const name = plain(String(stored?.["name"]));
        const qualified = plain(String(stored?.["place"]).replace("tilegrad/", "")) + name;
        if (name === whole || qualified === whole) return stored?.["kind"] === "reference" ? 12 : 8;
        return name.includes(whole) ? 2 : 1;
      },
    });
  const all = search("AND");
  const found = (all.length > 0 ? all : search("OR")) as unknown as Found[];
  const counts = { lesson: 0, guide: 0, reference: 0 };
  const mixed = found.filter(({ kind }) => ++counts[kind] <= mostOfKind);
  return mixed.toSorted((a, b) => Number(b.kind === first) - Number(a.kind === first)).slice(0, most);
}
