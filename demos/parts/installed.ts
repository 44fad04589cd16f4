import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";

const require = createRequire(import.meta.url);

/** A file of an npm package, for a build. Some packages export only code, so it is not asked for by their names. */
export async function installedFile(name: string, file: string): Promise<Buffer> {
  for (const modules of require.resolve.paths(name)!) {
    const content = await readFile(join(modules, name, file)).catch(() => undefined);
    if (content !== undefined) return content;
  }
  throw new Error(`${name} is not installed: run npm ci`);
}
