import { build } from "esbuild";

/*
 * Bundles what tsc wrote into dist: all of tilegrad in one file, and each part that is loaded on demand in its own file.
 * A part brings what it needs along, so that a page which never loads it carries nothing for it. Only files whose classes
 * are compared with `instanceof` stay shared: a second Variable or ShapeError would be another class than the program's.
 */

const parts = [
  "selfcheck/index",
  "tune/index",
  "runtime/watch",
  "runtime/record/record",
  "gpu/profiler",
  "exported/check",
];
const shared = ["errors", "graph/tensor", "store/store"];
const common = { bundle: true, format: "esm", sourcemap: true, logLevel: "warning" };

await build({
  ...common,
  entryPoints: ["dist/src/index.js"],
  outfile: "dist/tilegrad.js",
  minify: true,
  sourcesContent: false,
});
for (const file of parts.map((part) => `dist/src/${part}.js`))
  await build({
    ...common,
    entryPoints: [file],
    outfile: file,
    allowOverwrite: true,
    external: shared.map((name) => `./dist/src/${name}.js`),
  });
