import type { AdapterTraits } from "../graph/op.ts";

/** One way to compute a family's kernel. Which one runs is a function of the problem and the adapter's traits. */
export interface Variant<P> {
  readonly name: string;
  /** Whether it is right here: limits, divisibility, features. */
  fits(problem: P, traits: AdapterTraits): boolean;
  /** Rule of thumb, larger is better; compared only among variants that fit. */
  score(problem: P, traits: AdapterTraits): number;
}

/**
 * Picks the variant of a family: the one forced for it where that fits, else the best by its own rule of thumb among those that the
 * adapter is not known to get wrong.
 */
export function choose<V extends Variant<P>, P>(
  family: string,
  variants: readonly V[],
  problem: P,
  traits: AdapterTraits,
): V {
  const right = variants.filter((variant) => variant.fits(problem, traits));
  const forced = right.find((variant) => variant.name === traits.forced?.[family]);
  if (forced) return forced;
  const sound = right.filter(({ name }) => !traits.avoid?.has(`${family}/${name}`));
  return (sound.length > 0 ? sound : right).reduce((best, variant) =>
    variant.score(problem, traits) > best.score(problem, traits) ? variant : best,
  );
}
