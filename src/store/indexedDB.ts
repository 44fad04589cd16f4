import { optionsOf } from "../errors.ts";
import { attempt } from "./browser.ts";
import { checkBytes, checkFileName, type Store, StoreError } from "./store.ts";

/** A database holds contents in one table, and in another what a list needs, so that `list` reads no contents. */
const tables = ["files", "entries"] as const;

/**
 * Keeps files in the browser's IndexedDB, for this site: in pages and workers of every browser. A file is written in
 * one transaction, which the browser completes or undoes.
 *
 * @param options `name` of the database, default `"files"`; the browser shows it as `tilegrad.files`.
 * @throws StoreError, from each call, where there is no IndexedDB.
 */
export function indexedDBStore(options: { readonly name?: string } = {}): Store {
  const { name: database } = optionsOf("indexedDBStore", options, { name: "files" });
  checkFileName("indexedDBStore", database);
  const name = `indexedDBStore "${database}"`;
  /** Makes a request in a transaction, and resolves with its result once the transaction is complete. */
  const transact = async <T>(
    mode: IDBTransactionMode,
    act: (files: IDBObjectStore, entries: IDBObjectStore) => IDBRequest<T>,
  ): Promise<T> => {
    if (!globalThis.indexedDB) throw new StoreError(`${name}: there is no IndexedDB here; it is part of browsers`);
    const opening = indexedDB.open(`tilegrad.${database}`, 1);
    opening.onupgradeneeded = () => tables.forEach((table) => void opening.result.createObjectStore(table));
    const connection = await settled(opening);
    // Closed after each use: an open connection would hold up a tab that deletes the database.
    try {
      // Strict: complete means on the disk, not on its way there.
      const transaction = connection.transaction(tables, mode, { durability: "strict" });
      const request = act(transaction.objectStore("files"), transaction.objectStore("entries"));
      await completed(transaction);
      return request.result;
    } finally {
      connection.close();
    }
  };
  return {
    name,
    async read(file) {
      checkFileName(`${name}.read`, file);
      return attempt(name, `read "${file}"`, () => transact("readonly", (files) => files.get(file)));
    },
    async write(file, bytes) {
      checkFileName(`${name}.write`, file);
      checkBytes(`${name}.write`, bytes);
      // A view would be stored with all of its buffer.
      const own = bytes.slice();
      const entry = { name: file, bytes: own.length, modified: new Date() };
      const put = (files: IDBObjectStore, entries: IDBObjectStore) => {
        files.put(own, file);
        return entries.put(entry, file);
      };
      await attempt(name, `write "${file}"`, () => transact("readwrite", put), { name: file, bytes });
    },
    list: () => attempt(name, "list", () => transact("readonly", (_, entries) => entries.getAll())),
    async remove(file) {
      checkFileName(`${name}.remove`, file);
      const remove = (files: IDBObjectStore, entries: IDBObjectStore) => {
        files.delete(file);
        return entries.delete(file);
      };
      await attempt(name, `remove "${file}"`, () => transact("readwrite", remove));
    },
  };
}

const settled = <T>(request: IDBRequest<T>): Promise<T> =>
  new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });

/** A full disk fails the transaction, not always one of its requests. */
const completed = (transaction: IDBTransaction): Promise<void> =>
  new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve();
    transaction.onabort = () => reject(transaction.error);
  });
