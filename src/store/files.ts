import { optionsOf } from "../errors.ts";
import { checkBytes, checkFileName, type Store, StoreError } from "./store.ts";

/**
 * Offers a file to the user as a download.
 * @param name that the browser proposes.
 * @throws StoreError outside of pages: a worker has to send the bytes to its page first.
 */
export function download(name: string, bytes: Uint8Array): void {
  checkFileName("download", name);
  checkBytes("download", bytes);
  if (!globalThis.document) throw new StoreError("download: only a page can offer files; send it the bytes");
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([bytes as Uint8Array<ArrayBuffer>], { type: "application/octet-stream" }));
  link.download = name;
  link.click();
  // Some browsers begin to read only after the click.
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

/** A file that the user chose. */
export interface Upload {
  readonly name: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/**
 * Asks the user for a file of theirs. Browsers show the dialogue only in reply to a click or a key.
 * @param options `accept` limits the choice, for instance to `".safetensors"`.
 * @returns the file, or `undefined` if the user chose none.
 * @throws StoreError outside of pages.
 */
export async function upload(options: { readonly accept?: string } = {}): Promise<Upload | undefined> {
  const { accept } = optionsOf("upload", options, { accept: "" });
  if (!globalThis.document) throw new StoreError("upload: only a page can ask for files");
  const chooser = document.createElement("input");
  chooser.type = "file";
  chooser.accept = accept;
  const chosen = new Promise<File | undefined>((resolve) => {
    chooser.addEventListener("change", () => resolve(chooser.files?.[0]));
    chooser.addEventListener("cancel", () => resolve(undefined));
  });
  chooser.click();
  const file = await chosen;
  return file && { name: file.name, bytes: new Uint8Array(await file.arrayBuffer()) };
}

/**
 * The user's own disk, as far as a page may use it: `write` offers a download, `read` asks for a file of any name. A
 * page cannot see or remove what it gave to the user, so `list` is empty and `remove` does nothing.
 * @param options `accept` limits what `read` offers, for instance to `".safetensors"`.
 */
export function userFiles(options: { readonly accept?: string } = {}): Store {
  const { accept } = optionsOf("userFiles", options, { accept: "" });
  return {
    name: "userFiles",
    async read() {
      return (await upload({ accept }))?.bytes;
    },
    async write(name, bytes) {
      download(name, bytes);
    },
    async list() {
      return [];
    },
    async remove() {},
  };
}
