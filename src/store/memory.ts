import { byName, checkBytes, checkFileName, type Store } from "./store.ts";

/** Keeps files in memory, for tests and as a stand-in: they are gone when the page is. */
export function memoryStore(): Store {
  const files = new Map<string, { readonly bytes: Uint8Array<ArrayBuffer>; readonly modified: Date }>();
  return {
    name: "memoryStore",
    async read(name) {
      checkFileName("memoryStore.read", name);
      return files.get(name)?.bytes.slice();
    },
    async write(name, bytes) {
      checkFileName("memoryStore.write", name);
      checkBytes("memoryStore.write", bytes);
      files.set(name, { bytes: new Uint8Array(bytes), modified: new Date() });
    },
    async list() {
      return [...files].map(([name, { bytes, modified }]) => ({ name, bytes: bytes.length, modified })).sort(byName);
    },
    async remove(name) {
      checkFileName("memoryStore.remove", name);
      files.delete(name);
    },
  };
}
