import { build } from "esbuild";

/*
 * Bundles what tsc wrote into dist: all of tilegrad in one file, and each part that is loaded on demand in its own file.
 * A part brings what it needs along, so that a page which never loads it carries nothing for it. It shares only files
 * whose classes meet those of the program: a second Variable would be no Variable, and a second AttributeError none.
 */

/** The parts, and what each shares. */
const parts = {
  "selfcheck/check": [],
  "tune/index": ["errors", "store/store"],
  "runtime/watch": [],
  "runtime/record/record": ["errors", "graph/tensor"],
  "gpu/profiler": ["errors"],
  "exported/check": [],
  "wasm/index": ["errors"],
  "kernels/wasmPart": [],
};
const common = { bundle: true, format: "esm", sourcemap: true, logLevel: "warning" };

await build({
  ...common,
  entryPoints: ["dist/src/index.js"],
  outfile: "dist/tilegrad.js",
  minify: true,
  sourcesContent: false,
});
for (const [part, shared] of Object.entries(parts))
  await build({
    ...common,
    entryPoints: [`dist/src/${part}.js`],
    outfile: `dist/src/${part}.js`,
    allowOverwrite: true,
    external: shared.map((name) => `./dist/src/${name}.js`),
  });
