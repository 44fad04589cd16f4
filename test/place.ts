/** Whether the tests run in a page of Chrome. */
export const inChrome = "document" in globalThis;

/**
 * All cases in Node, one of `each` in Chrome: its compiler and driver are those of Node, and on a machine without a GPU they
 * take the most of a test's time.
 */
export const some = <T>(cases: readonly T[], each = 3): T[] => cases.filter((_, i) => !inChrome || i % each === 0);
