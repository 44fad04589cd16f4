import { homedir } from "node:os";
import { basename, dirname, join } from "node:path";
import type { Store } from "../store/store.ts";
import { folderStore } from "./folder.ts";

/**
 * Keeps the fastest kernel variants in a JSON file: a `tuningStore` for engines in Node. A `folderStore` does, too, and
 * can hold other files beside it.
 * @param path default `tilegrad/tuning.json` in `$XDG_CACHE_HOME` or `~/.cache`. Created on the first write.
 */
export function tuningFile(
  path = join(process.env["XDG_CACHE_HOME"] || join(homedir(), ".cache"), "tilegrad", "tuning.json"),
): Pick<Store, "name" | "read" | "write"> {
  const folder = folderStore(dirname(path));
  const file = basename(path);
  return {
    name: `the tuning file ${path}`,
    read: () => folder.read(file),
    write: (_, bytes) => folder.write(file, bytes),
  };
}
