import { TilegradError } from "../errors.ts";
import { failedError, fullError, showBytes } from "./store.ts";

/** Runs a call to the browser's storage and gives its errors the store's name. @param file what is being written. */
export async function attempt<T>(
  store: string,
  call: string,
  act: () => Promise<T>,
  file?: { readonly name: string; readonly bytes: Uint8Array },
): Promise<T> {
  try {
    return await act();
  } catch (error) {
    if (error instanceof TilegradError) throw error;
    if (file && (error as DOMException)?.name === "QuotaExceededError") {
      throw fullError(store, file.name, file.bytes.byteLength, await roomLeft(), error);
    }
    throw failedError(store, call, error);
  }
}

/** What the browser grants this site, in words. */
async function roomLeft(): Promise<string> {
  const { usage, quota } = (await navigator.storage?.estimate().catch(() => undefined)) ?? {};
  if (usage === undefined || quota === undefined) return "";
  return `this site uses ${showBytes(usage)} of the ${showBytes(quota)} that the browser grants it`;
}

/** Holds a lock that all tabs and workers of the site share. Where there are no such locks, just acts. */
export const locked = <T>(name: string, act: () => Promise<T>): Promise<T> =>
  globalThis.navigator?.locks ? (navigator.locks.request(name, act) as Promise<T>) : act();
