import { refuse, show, TilegradError } from "../errors.ts";

/** A file of a store. */
export interface StoreEntry {
  readonly name: string;
  /** Its size in bytes. */
  readonly bytes: number;
  /** When it was last written. */
  readonly modified: Date;
}

/**
 * Named files that outlive the program: in a browser, on disk, in memory. Checkpoints and the tuner keep theirs in one,
 * and an app can write its own.
 *
 * Names begin with a letter or digit and go on with letters, digits, spaces and `. _ -`, up to 200 characters.
 */
export interface Store {
  /** What error messages call the store. */
  readonly name: string;
  /** The content of a file, as the caller's own copy; `undefined` if there is none of this name. */
  read(name: string): Promise<Uint8Array<ArrayBuffer> | undefined>;
  /**
   * Writes a whole file. Whatever happens meanwhile, a later `read` finds the old content or the new, never a part.
   * @throws StoreError if there is no room for it; all files are as before.
   */
  write(name: string, bytes: Uint8Array): Promise<void>;
  /** All files, sorted by name. */
  list(): Promise<readonly StoreEntry[]>;
  /** Removes a file, if there is one of this name. */
  remove(name: string): Promise<void>;
}

/** A store that is full, or that refuses a file. Older files are intact. */
export class StoreError extends TilegradError {
  override name = "StoreError";
}

/** Refuses names that not every store can hold. */
export function checkFileName(call: string, name: string): void {
  if (typeof name !== "string" || !/^\w(?:[\w. -]{0,198}[\w-])?$/.test(name)) {
    refuse(
      call,
      "the file's name",
      name,
      "up to 200 letters, digits, spaces and . _ - that begin with a letter or digit",
    );
  }
}

/** A half-written file begins like this, and is no file of the store. */
export const part = ".part-";

/** Sorts entries by name. */
export const byName = (a: StoreEntry, b: StoreEntry): number => (a.name < b.name ? -1 : 1);

/** Refuses anything but bytes. */
export function checkBytes(call: string, bytes: Uint8Array): void {
  if (Object.prototype.toString.call(bytes) !== "[object Uint8Array]") {
    refuse(call, "the content", bytes, "a Uint8Array");
  }
}

/** Refuses anything but a store. */
export function checkStore(call: string, store: Store): void {
  const all = ["read", "write", "list", "remove"] as const;
  if (!store || all.some((method) => typeof store[method] !== "function")) {
    refuse(call, "the store", store, "an object with read, write, list and remove, such as opfsStore()");
  }
}

/** Sizes in messages: "512 B", "3.2 MiB". */
export function showBytes(bytes: number): string {
  const power = Math.min(3, Math.floor(Math.log2(Math.max(1, bytes)) / 10));
  return power === 0 ? `${bytes} B` : `${(bytes / 2 ** (10 * power)).toFixed(1)} ${["B", "KiB", "MiB", "GiB"][power]}`;
}

/** The error for a file that does not fit. @param room in words, if known: "6.1 MiB are free". */
export const fullError = (store: string, name: string, bytes: number, room: string, cause: unknown): StoreError =>
  new StoreError(
    `${store}: no room for "${name}" (${showBytes(bytes)})${room && `: ${room}`}. All files are as before: remove some, or keep fewer checkpoints`,
    { cause },
  );

/** The error for anything else that a store reports. */
export const failedError = (store: string, call: string, cause: unknown): StoreError =>
  new StoreError(`${store}: ${call} failed: ${cause instanceof Error ? cause.message : show(cause)}`, { cause });
