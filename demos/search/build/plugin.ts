import type MiniSearch from "minisearch";
import type { Plugin } from "vite";
import { readLessons } from "../../course/build/shelf.ts";
import { readGuides } from "../../reading/guides.ts";
import { readReference } from "../../reference/build/shelf.ts";
import type { Entry } from "../entry.ts";
import { indexOf } from "../finding.ts";
import { guideEntries } from "./guides.ts";
import { lessonEntries } from "./lessons.ts";
import { referenceEntries } from "./reference.ts";

/** The index of all that a search finds. */
export async function searchIndex(): Promise<MiniSearch<Entry>> {
  const entries = [
    ...lessonEntries(readLessons()),
    ...guideEntries(readGuides()),
    ...referenceEntries(await readReference()),
  ];
  return indexOf(entries);
}

const text = async (): Promise<string> => JSON.stringify(await searchIndex());

/** The file of the search, at the root of the site. */
export function searchOf(): Plugin {
  return {
    name: "search",
    async generateBundle() {
      this.emitFile({ type: "asset", fileName: "search.json", source: await text() });
    },
    configureServer(server) {
      server.middlewares.use("/search.json", (_, response, next) => {
        text().then((text) => response.end(text), next);
      });
    },
  };
}
