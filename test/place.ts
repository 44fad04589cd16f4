/** Whether the tests run in a page of Chrome. */
export const inChrome = "document" in globalThis;

/**
 * All cases in Node, one of `each` in Chrome, unless `VITE_ALL` is set: Chrome's compiler and driver are those of Node, and
 * on a machine without a GPU they take the most of a test's time.
 */
export const some = <T>(cases: readonly T[], each = 3): T[] =>
  cases.filter((_, i) => !inChrome || import.meta.env["VITE_ALL"] || i % each === 0);

/**
 * Whether to skip what takes a processor's compiler longest, and of which cheaper cases test the same: `TILEGRAD_BRIEF`, as the checks
 * before a merge set it for f16 on lavapipe.
 */
export const brief = Boolean(globalThis.process?.env["TILEGRAD_BRIEF"]);
