import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { dirname, join } from "node:path";

type Winners = Readonly<Record<string, string>>;

/**
 * Keeps the fastest kernel variants in a JSON file: a `tuningStore` for engines in Node.
 * @param path default `tilegrad/tuning.json` in `$XDG_CACHE_HOME` or `~/.cache`. Created on the first save.
 * @throws Error when the file exists but is not JSON; the message names it.
 */
export function tuningFile(
  path = join(process.env["XDG_CACHE_HOME"] || join(homedir(), ".cache"), "tilegrad", "tuning.json"),
) {
  const read = async (): Promise<Record<string, Winners>> => {
    const text = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") return "{}";
      throw error;
    });
    try {
      return JSON.parse(text);
    } catch (cause) {
      throw new Error(`the tuning file ${path} is not JSON; delete it to start over`, { cause });
    }
  };
  return {
    load: async (adapter: string): Promise<Winners | undefined> => (await read())[adapter],
    async save(adapter: string, winners: Winners): Promise<void> {
      await mkdir(dirname(path), { recursive: true });
      // Write a new file and rename it, so that an interrupted run leaves the old one intact.
      const fresh = `${path}.${process.pid}`;
      await writeFile(fresh, `${JSON.stringify({ ...(await read()), [adapter]: winners }, undefined, 2)}\n`);
      await rename(fresh, path);
    },
  };
}
