import MiniSearch from "minisearch";
import type { Entry } from "./entry.ts";
import { options } from "./finding.ts";

export { find } from "./finding.ts";

/** Loads the index, which is made when the site is built. @param root the address of the site's root. */
export async function openIndex(root: string): Promise<MiniSearch<Entry>> {
  const response = await fetch(`${root}search.json`);
  if (!response.ok) throw new Error(`search.json: status ${response.status}`);
  return MiniSearch.loadJSONAsync(await response.text(), options);
}
