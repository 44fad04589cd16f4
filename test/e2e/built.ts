import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build } from "vite";

/** The environment's variable with the folder of this run's site. */
const variable = "TILEGRAD_SITE";

/** Before all end-to-end tests: a folder for the site, which the first test that needs it builds. */
export default async function setup(): Promise<() => Promise<void>> {
  const folder = await mkdtemp(join(tmpdir(), "tilegrad-site-"));
  process.env[variable] = folder;
  return () => rm(folder, { recursive: true });
}

/** The folder with the output of `npm run site`, built once for all test files. */
export async function builtSite(): Promise<string> {
  const folder = process.env[variable]!;
  if ((await readdir(folder)).length === 0) {
    const root = new URL("../../demos", import.meta.url).pathname;
    // Vitest's own value would build a site for development, which is larger.
    const { NODE_ENV } = process.env;
    process.env.NODE_ENV = "production";
    await build({ root, logLevel: "error", build: { outDir: folder } });
    process.env.NODE_ENV = NODE_ENV;
  }
  return folder;
}
