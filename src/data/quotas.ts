/**
 * How many samples of each class go to each part, so that each part has its size and each count is the class's share
 * `counts[c] · sizes[p] / n`, rounded down or up.
 *
 * The samples that rounding down leaves over go where the remainder is largest (Hamilton's method), while class and
 * part have room. With three parts or more, that may leave a class with room only in full parts. Then samples of other
 * classes move along an augmenting path (L. R. Ford and D. R. Fulkerson, "Maximal flow through a network", 1956). One
 * exists: the exact shares are a flow that fills all classes and parts, so there is also one of whole numbers.
 *
 * @param counts samples of each class.
 * @param sizes samples of each part, with the same sum n.
 * @returns `[class][part]`.
 */
export function quotas(counts: readonly number[], sizes: readonly number[]): number[][] {
  const n = sizes.reduce((sum, size) => sum + size, 0);
  const quota = counts.map((count) => sizes.map((size) => Math.floor((count * size) / n)));
  const classLeft = counts.map((count, c) => quota[c]!.reduce((left, given) => left - given, count));
  const partLeft = sizes.map((size, p) => quota.reduce((left, given) => left - given[p]!, size));
  const remainder = (c: number, p: number): number => (counts[c]! * sizes[p]!) % n;
  /** Whether part p has a sample of class c beyond the share rounded down. */
  const raised = counts.map(() => sizes.map(() => false));
  const mayRaise = (c: number, p: number): boolean => !raised[c]![p] && remainder(c, p) > 0;

  const cells = counts.flatMap((_, c) => sizes.map((_, p) => ({ c, p, remainder: remainder(c, p) })));
  for (const { c, p } of cells.sort((a, b) => b.remainder - a.remainder)) {
    if (classLeft[c]! === 0 || partLeft[p]! === 0 || !mayRaise(c, p)) continue;
    raised[c]![p] = true;
    classLeft[c]!--;
    partLeft[p]!--;
  }

  for (const [c, left] of classLeft.entries()) for (let i = 0; i < left; i++) augment(c);
  return quota.map((row, c) => row.map((given, p) => given + (raised[c]![p] ? 1 : 0)));

  /** Finds a part with room for one more sample of class `from`, moving samples of other classes out of the way. */
  function augment(from: number): void {
    /** For each part reached: the class that gains a sample there, and the part where that class loses one. */
    const via = new Map<number, { c: number; loses: number | undefined }>();
    const reach = (c: number, loses: number | undefined): void => {
      for (const p of sizes.keys()) if (!via.has(p) && mayRaise(c, p)) via.set(p, { c, loses });
    };
    reach(from, undefined);
    // A Map also visits the entries that are added meanwhile: a breadth-first search.
    for (const p of via.keys()) {
      if (partLeft[p]! === 0) {
        for (const c of counts.keys()) if (raised[c]![p]) reach(c, p);
        continue;
      }
      partLeft[p]!--;
      for (let at: number | undefined = p; at !== undefined; ) {
        const { c, loses }: { c: number; loses: number | undefined } = via.get(at)!;
        raised[c]![at] = true;
        if (loses !== undefined) raised[c]![loses] = false;
        at = loses;
      }
      return;
    }
  }
}

/** `quotas` for two parts: Hamilton's method alone. Small, for pages that only split in two. */
export function twoQuotas(counts: readonly number[], [size, rest]: readonly number[]): number[][] {
  const n = size! + rest!;
  const first = counts.map((count) => Math.floor((count * size!) / n));
  const left = first.reduce((sum, given) => sum - given, size!);
  const remainder = (c: number): number => (counts[c]! * size!) % n;
  const byRemainder = [...counts.keys()].sort((a, b) => remainder(b) - remainder(a));
  for (const c of byRemainder.slice(0, left)) first[c]!++;
  return counts.map((count, c) => [first[c]!, count - first[c]!]);
}
