import { join, resolve } from "node:path";
import { build } from "esbuild";
import type { Plugin } from "vite";

const src = join(import.meta.dirname, "../../src");

/**
 * What an engine loads on demand, as `npm run bundle` packs it, and the race finder of the kernel page. Not the recorder: pages that record share most of its
 * modules, and would load them twice.
 */
const files = [
  "selfcheck/check",
  "selfcheck/watch",
  "tune/index",
  "runtime/watch",
  "gpu/profiler",
  "exported/check",
  "kernels/wasmPart",
].map((name) => join(src, `${name}.ts`));
const prefix = "\0apart:";

/**
 * Packs the parts that an engine loads on demand each by itself, as the package does. If a page shared a module with one
 * of them, it would have to load all that the module exports.
 */
export function apart(): Plugin {
  return {
    name: "apart",
    apply: "build",
    resolveId: {
      order: "pre",
      handler(id, importer) {
        if (!importer || !id.startsWith(".")) return undefined;
        const file = resolve(importer, "..", id);
        return files.includes(file) ? prefix + file : undefined;
      },
    },
    async load(id) {
      if (!id.startsWith(prefix)) return undefined;
      const entry = id.slice(prefix.length);
      const { outputFiles } = await build({ entryPoints: [entry], bundle: true, format: "esm", write: false });
      return outputFiles[0]!.text;
    },
  };
}
