import { randomUUID } from "node:crypto";
import { mkdir, open, readdir, readFile, rename, rm, stat, statfs } from "node:fs/promises";
import { join } from "node:path";
import { refuse } from "../errors.ts";
import {
  byName,
  checkBytes,
  checkFileName,
  failedError,
  fullError,
  part,
  type Store,
  showBytes,
} from "../store/store.ts";

/** Age from which a half-written file counts as left behind by a process that was killed, in milliseconds. */
const abandoned = 3_600_000;

/** Codes of a file system that is full: the disk, the user's share, the largest file. */
const fullCodes = ["ENOSPC", "EDQUOT", "EFBIG"];

/**
 * Keeps files in a folder, for Node. A file is written under another name, flushed to the disk and renamed, so that a
 * process killed in the middle, or a power cut, leaves the old file.
 * @param path created on the first write.
 */
export function folderStore(path: string): Store {
  if (typeof path !== "string" || path === "") refuse("folderStore", "the path", path, "the path of a folder");
  const name = `folderStore "${path}"`;
  const fail = (call: string) => (cause: unknown) => {
    throw failedError(name, call, cause);
  };
  return {
    name,
    async read(file) {
      checkFileName(`${name}.read`, file);
      const bytes = await readFile(join(path, file))
        .catch(ifMissing(undefined))
        .catch(fail(`read "${file}"`));
      return bytes && new Uint8Array(bytes);
    },
    async write(file, bytes) {
      checkFileName(`${name}.write`, file);
      checkBytes(`${name}.write`, bytes);
      try {
        await mkdir(path, { recursive: true });
        await removeAbandoned(path);
        await writeWhole(path, file, bytes);
      } catch (error) {
        if (fullCodes.includes((error as NodeJS.ErrnoException).code!))
          throw fullError(name, file, bytes.byteLength, await room(path, error as Error), error);
        throw failedError(name, `write "${file}"`, error);
      }
    },
    async list() {
      const all = await readdir(path, { withFileTypes: true }).catch(ifMissing([])).catch(fail("list"));
      const files = all.filter((entry) => entry.isFile() && !entry.name.startsWith("."));
      const found = await Promise.all(
        files.map(async ({ name }) => {
          const about = await stat(join(path, name)).catch(ifMissing(undefined)).catch(fail("list"));
          return about && { name, bytes: about.size, modified: about.mtime };
        }),
      );
      return found.filter((entry) => entry !== undefined).sort(byName);
    },
    async remove(file) {
      checkFileName(`${name}.remove`, file);
      await rm(join(path, file), { force: true }).catch(fail(`remove "${file}"`));
    },
  };
}

async function writeWhole(path: string, file: string, bytes: Uint8Array): Promise<void> {
  const fresh = join(path, `${part}${randomUUID()}`);
  try {
    const handle = await open(fresh, "wx");
    try {
      await handle.writeFile(bytes);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(fresh, join(path, file));
  } catch (error) {
    await rm(fresh, { force: true });
    throw error;
  }
  // The new name is in the folder, which has to reach the disk, too. Windows does not open folders.
  const folder = await open(path).catch(() => undefined);
  await folder?.sync().catch(() => {});
  await folder?.close();
}

async function removeAbandoned(path: string): Promise<void> {
  for (const name of await readdir(path)) {
    if (!name.startsWith(part)) continue;
    const about = await stat(join(path, name)).catch(ifMissing(undefined));
    if (about && Date.now() - about.mtimeMs > abandoned) await rm(join(path, name), { force: true });
  }
}

/** How much room there is, in words. */
async function room(path: string, { message }: Error): Promise<string> {
  const { bavail, bsize } = await statfs(path);
  return `${showBytes(bavail * bsize)} are free on its disk; ${message}`;
}

const ifMissing =
  <T>(instead: T) =>
  (error: NodeJS.ErrnoException): T => {
    if (error.code === "ENOENT") return instead;
    throw error;
  };
