import { rm } from "node:fs/promises";
import { join } from "node:path";
import { build, type InlineConfig, preview } from "vite";
import { exporting } from "./exporting.ts";

const root = join(import.meta.dirname, "pages");
const outDir = join(import.meta.dirname, "dist");
/** tilegrad from its package, not from its sources. */
const dist = join(import.meta.dirname, "../../dist/src");
const alias = [
  { find: /^tilegrad$/, replacement: join(dist, "index.js") },
  { find: /^tilegrad\/(\w+)$/, replacement: join(dist, "$1/index.js") },
];

export interface Site {
  readonly url: string;
  close(): Promise<void>;
}

/** Builds each page separately, like an app that has no other, and serves them all. */
export async function serve(pages: readonly string[]): Promise<Site> {
  const common = {
    root,
    configFile: false,
    logLevel: "error" as const,
    resolve: { alias },
    plugins: [exporting],
  } satisfies InlineConfig;
  await rm(outDir, { recursive: true, force: true });
  for (const page of pages) {
    await build({
      ...common,
      base: "./",
      build: {
        outDir: join(outDir, page),
        target: "es2022",
        // Minified, except where TensorFlow.js starts threads from the text of a function, which must keep its names.
        minify: page !== "bench",
        chunkSizeWarningLimit: 4096,
        // Nothing to preload: a page is one script.
        modulePreload: false,
        rollupOptions: { input: join(root, `${page}.html`) },
      },
    });
  }
  const server = await preview({
    ...common,
    build: { outDir },
    // Isolated pages have a finer clock.
    preview: {
      port: 0,
      headers: { "Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Embedder-Policy": "require-corp" },
    },
  });
  return { url: server.resolvedUrls!.local[0]!, close: () => server.close() };
}
