import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { mkdir, readdir, readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import type { Reflection } from "./reflection.ts";

const root = join(import.meta.dirname, "../../..");
const extract = join(root, "demos/reference/typedoc/extract.mjs");
const cache = join(root, "node_modules/.cache/tilegrad-reference");

/** Changes with everything that the reference is made of. */
function version(): string {
  const hash = createHash("sha256");
  for (const folder of ["src", "shaders"])
    for (const name of (readdirSync(join(root, folder), { recursive: true }) as string[]).sort())
      if (/\.ts$/.test(name)) hash.update(name).update(readFileSync(join(root, folder, name)));
  for (const file of [extract, join(root, "package.json")]) hash.update(readFileSync(file));
  return hash.digest("hex").slice(0, 16);
}

async function make(file: string): Promise<void> {
  await mkdir(cache, { recursive: true });
  const draft = `${file}.${process.pid}`;
  await promisify(execFile)(process.execPath, [extract, draft], { cwd: root, maxBuffer: 2 ** 26 });
  // One file is kept: that of the sources as they are.
  for (const name of await readdir(cache)) if (name.endsWith(".json")) await rm(join(cache, name), { force: true });
  await rename(draft, file);
}

let latest: { readonly file: string; readonly read: Promise<Reflection> } | undefined;

/** What typedoc finds in the sources: half a minute once, then kept until one of them changes. */
export function readProject(): Promise<Reflection> {
  const file = join(cache, `${version()}.json`);
  if (latest?.file !== file) {
    const read = (async () => {
      if (!existsSync(file)) await make(file);
      return JSON.parse(await readFile(file, "utf8")) as Reflection;
    })();
    latest = { file, read };
  }
  return latest.read;
}

/** Whether `readProject` takes no time. */
export const isProjectRead = (): boolean => existsSync(join(cache, `${version()}.json`));
