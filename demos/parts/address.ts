import { effect } from "@preact/signals";

/*
 * Safari refuses more than 100 changes of an address in 30 seconds, with an error; Chrome then ignores them. A slider that
 * is dragged makes more.
 */

/** Changes that may follow each other at once. */
const burst = 40;
/** Milliseconds until one more may. */
const pause = 600;

/**
 * Keeps the page's state in its address, as a hash, without new entries in the browser's history. After many changes,
 * the address follows a little later.
 * @param print the hash, of signals.
 * @param follow what to do when the visitor follows a link to another state of the page; by default, it loads again.
 */
export function keepInAddress(print: () => string, follow = (): void => location.reload()): void {
  let hash: string | undefined;
  let [free, counted] = [burst, performance.now()];
  let timer: ReturnType<typeof setTimeout> | undefined;
  const write = (): void => {
    clearTimeout(timer);
    const now = performance.now();
    free = Math.min(burst, free + (now - counted) / pause);
    counted = now;
    if (free < 1) {
      timer = setTimeout(write, Math.ceil((1 - free) * pause));
      return;
    }
    free--;
    history.replaceState(null, "", hash === "" ? location.pathname + location.search : `#${hash}`);
  };
  effect(() => {
    const next = print();
    if (next === hash) return;
    hash = next;
    write();
  });
  addEventListener("hashchange", () => {
    clearTimeout(timer);
    hash = undefined; // It is the visitor's now.
    follow();
  });
}
