import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Plugin } from "vite";

const folder = join(import.meta.dirname, "../../bench/peers");
const src = join(import.meta.dirname, "../../src");
const packages = { jaxjs: "@jax-js/jax", tfjs: "@tensorflow/tfjs-core" };
const id = "virtual:peers";

/**
 * Lets the speed test import its peers, if they are installed in their folder: `virtual:peers` exports their versions and
 * a function that starts a worker, both undefined where they are not.
 */
export function shippedPeers(from = folder): Plugin {
  const fileOf = (name: string): string => join(from, "node_modules", name, "package.json");
  const isInstalled = Object.values(packages).every((name) => existsSync(fileOf(name)));
  const versionOf = (name: string): string => JSON.parse(readFileSync(fileOf(name), "utf8")).version;
  return {
    name: "shipped-peers",
    // Its peers import tilegrad as apps do.
    config: () => ({
      resolve: {
        alias: [
          { find: /^tilegrad$/, replacement: join(src, "index.ts") },
          { find: /^tilegrad\/(\w+)$/, replacement: join(src, "$1/index.ts") },
        ],
      },
    }),
    resolveId: (wanted) => (wanted === id ? `\0${id}` : undefined),
    load(wanted) {
      if (wanted !== `\0${id}`) return undefined;
      if (!isInstalled) return "export const versions = undefined, start = undefined;";
      const versions = Object.fromEntries(Object.entries(packages).map(([key, name]) => [key, versionOf(name)]));
      const file = JSON.stringify(join(folder, "pages/start.ts"));
      return `export const versions = ${JSON.stringify(versions)};
export const start = async () => (await import(${file})).start();`;
    },
  };
}
