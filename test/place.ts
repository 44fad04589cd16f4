/** Whether the tests run in a page of Chrome. */
export const inChrome = "document" in globalThis;

/**
 * Whether to leave out what also runs in Node: in Chrome, unless `VITE_ALL` is set. Chrome has Node's compiler and
 * driver, and without a GPU they take most of a test's time.
 */
export const spares: boolean = inChrome && !import.meta.env["VITE_ALL"];

/** All cases in Node; in Chrome, one in `each` unless `VITE_ALL` is set. */
export const some = <T>(cases: readonly T[], each = 3): T[] => cases.filter((_, i) => !spares || i % each === 0);

/**
 * Whether to skip cases that take longest to compile on a CPU and that cheaper ones also cover: `TILEGRAD_BRIEF`, which
 * the checks before a merge set for f16 on lavapipe.
 */
export const brief = Boolean(globalThis.process?.env["TILEGRAD_BRIEF"]);
