import { effect } from "@preact/signals";

/**
 * Keeps the page's state in its address, as a hash, without new entries in the browser's history.
 * @param print the hash, of signals.
 * @param follow what to do when the visitor follows a link to another state of the page; by default, it loads again.
 */
export function keepInAddress(print: () => string, follow = (): void => location.reload()): void {
  effect(() => {
    const hash = print();
    history.replaceState(null, "", hash === "" ? location.pathname + location.search : `#${hash}`);
  });
  addEventListener("hashchange", follow);
}
