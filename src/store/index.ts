/** Where files outlive the program: `tilegrad/store`. */

export { download, type Upload, upload, userFiles } from "./files.ts";
export { indexedDBStore } from "./indexedDB.ts";
export { memoryStore } from "./memory.ts";
export { opfsStore } from "./opfs.ts";
export { type Store, type StoreEntry, StoreError } from "./store.ts";
