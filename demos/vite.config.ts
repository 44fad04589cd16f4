import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { defineConfig } from "vite";
import { courseOf, lessonPages } from "./course/build/plugin.ts";
import { packedDigits } from "./digits/packing.ts";
import { apart } from "./parts/apart.ts";
import { guidePages } from "./reading/guides.ts";
import { filesOf, pagesOf } from "./reading/pages.ts";
import { referencePages } from "./reference/build/pages.ts";
import { searchOf } from "./search/build/plugin.ts";
import { shippedPeers } from "./speed/shipping.ts";
import { textFiles } from "./text/page/files.ts";

const root = import.meta.dirname;

/** The list of demos, and every folder with a page. */
const pages = ["", ...readdirSync(root)]
  .map((folder) => join(root, folder, "index.html"))
  .filter((page) => existsSync(page) && page !== join(root, "dist", "index.html"));

const { version } = JSON.parse(readFileSync(join(root, "../package.json"), "utf8")) as { version: string };

export default defineConfig({
  root,
  // What pages write into files that others read.
  define: { "import.meta.env.TILEGRAD_VERSION": JSON.stringify(version) },
  // Relative links, so that the build can be served from any path.
  base: "./",
  plugins: [
    apart(),
    courseOf(),
    pagesOf(guidePages),
    pagesOf(referencePages),
    searchOf(),
    packedDigits(),
    shippedPeers(),
    textFiles(),
  ],
  // Pages import the engine from outside of the demos folder.
  server: { fs: { allow: [join(root, "..")] } },
  // Workers are modules, which load parts of tilegrad on demand.
  worker: { format: "es", plugins: () => [apart()] },
  build: {
    rolldownOptions: {
      input: [...pages, ...lessonPages(), ...filesOf(guidePages), ...filesOf(referencePages)],
      checks: { pluginTimings: false },
    },
  },
});
