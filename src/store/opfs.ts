import { optionsOf, refuse } from "../errors.ts";
import { attempt, locked } from "./browser.ts";
import { byName, checkBytes, checkFileName, part, type Store, type StoreEntry, StoreError } from "./store.ts";

/** A handle with what TypeScript's library lacks. */
type FileHandle = FileSystemFileHandle & { move?(name: string): Promise<void> };

/**
 * Keeps files in the origin-private file system: on the user's disk, seen by this site alone, fast for large files. In
 * pages and workers of current browsers.
 *
 * A file is written under another name and renamed once it is complete. Writers take turns, with a lock that all tabs
 * share, so what a killed tab left half-written is removed by the next one.
 *
 * @param options `folder` to keep the files in, with `/` between nested ones; default `"tilegrad"`.
 * @throws StoreError, from each call, where there is no such file system.
 */
export function opfsStore(options: { readonly folder?: string } = {}): Store {
  const { folder } = optionsOf("opfsStore", options, { folder: "tilegrad" });
  const path = folder.split("/");
  if (path.some((step) => !/^[\w-][\w. -]*$/.test(step))) {
    refuse("opfsStore", "folder", folder, "names of letters, digits, spaces and . _ - with / between them");
  }
  const name = `opfsStore "${folder}"`;
  const open = async (create: boolean): Promise<FileSystemDirectoryHandle> => {
    if (!globalThis.navigator?.storage?.getDirectory) {
      throw new StoreError(
        `${name}: there is no origin-private file system here: it is part of browsers, on pages from https or localhost`,
      );
    }
    let directory = await navigator.storage.getDirectory();
    for (const step of path) directory = await directory.getDirectoryHandle(step, { create });
    return directory;
  };
  return {
    name,
    async read(file) {
      checkFileName(`${name}.read`, file);
      return attempt(name, `read "${file}"`, () =>
        ifThere(async () => {
          const handle = await (await open(false)).getFileHandle(file);
          return new Uint8Array(await (await handle.getFile()).arrayBuffer());
        }),
      );
    },
    async write(file, bytes) {
      checkFileName(`${name}.write`, file);
      checkBytes(`${name}.write`, bytes);
      const write = async () => {
        const directory = await open(true);
        await removeParts(directory);
        await writeFile(directory, file, bytes);
      };
      await attempt(name, `write "${file}"`, () => locked(`tilegrad opfs ${folder}`, write), { name: file, bytes });
    },
    async list() {
      const entries: StoreEntry[] = [];
      await attempt(name, "list", async () => {
        const directory = await ifThere(() => open(false));
        if (!directory) return;
        for await (const handle of filesIn(directory)) {
          const file = handle.name.startsWith(".") ? undefined : await ifThere(() => handle.getFile());
          if (file) entries.push({ name: file.name, bytes: file.size, modified: new Date(file.lastModified) });
        }
      });
      return entries.sort(byName);
    },
    async remove(file) {
      checkFileName(`${name}.remove`, file);
      await attempt(name, `remove "${file}"`, () => ifThere(async () => (await open(false)).removeEntry(file)));
    },
  };
}

/** Writes a file under another name, then renames it: the one step that others see. */
async function writeFile(directory: FileSystemDirectoryHandle, name: string, bytes: Uint8Array): Promise<void> {
  const fresh: FileHandle = await directory.getFileHandle(`${part}${crypto.randomUUID()}`, { create: true });
  try {
    const writable = await fresh.createWritable();
    try {
      await writable.write(bytes as Uint8Array<ArrayBuffer>);
    } catch (error) {
      await writable.abort().catch(() => {});
      throw error;
    }
    await writable.close();
    await fresh.move!(name);
  } catch (error) {
    await directory.removeEntry(fresh.name).catch(() => {});
    throw error;
  }
}

async function removeParts(directory: FileSystemDirectoryHandle): Promise<void> {
  for await (const { name } of filesIn(directory)) if (name.startsWith(part)) await directory.removeEntry(name);
}

async function* filesIn(directory: FileSystemDirectoryHandle): AsyncGenerator<FileSystemFileHandle> {
  for await (const handle of directory.values()) if (handle.kind === "file") yield handle as FileSystemFileHandle;
}

/** The result, or `undefined` where a file or folder is missing, perhaps because another tab has just removed it. */
async function ifThere<T>(act: () => Promise<T>): Promise<T | undefined> {
  try {
    return await act();
  } catch (error) {
    if ((error as DOMException)?.name === "NotFoundError") return undefined;
    throw error;
  }
}
