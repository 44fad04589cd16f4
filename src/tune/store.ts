/** Keeps winners between visits: `problem → variant` for each adapter. */
export interface TuningStore {
  load(adapter: string): Promise<Readonly<Record<string, string>> | undefined>;
  save(adapter: string, winners: Readonly<Record<string, string>>): Promise<void>;
}

/** Keeps winners in the browser's IndexedDB, for the page's origin. */
export function browserStore(): TuningStore | undefined {
  if (!globalThis.indexedDB) return undefined;
  const transact = async <T>(mode: IDBTransactionMode, act: (store: IDBObjectStore) => IDBRequest<T>): Promise<T> => {
    const opening = indexedDB.open("tilegrad", 1);
    opening.onupgradeneeded = () => opening.result.createObjectStore("tuning");
    const database = await settled(opening);
    try {
      return await settled(act(database.transaction("tuning", mode).objectStore("tuning")));
    } finally {
      database.close();
    }
  };
  return {
    load: (adapter) => transact("readonly", (store) => store.get(adapter)),
    save: async (adapter, winners) => void (await transact("readwrite", (store) => store.put(winners, adapter))),
  };
}

const settled = <T>(request: IDBRequest<T>): Promise<T> =>
  new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
