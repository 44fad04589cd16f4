import { workgroupSize } from "../../shaders/lib/grid.wgsl.ts";
import type { AdapterTraits } from "../graph/op.ts";

/** One way to compute a family's kernel. Which one runs is a function of the problem and the adapter's traits. */
export interface Variant<P> {
  readonly name: string;
  /** Whether it is right here: limits, divisibility, features. */
  fits(problem: P, traits: AdapterTraits): boolean;
  /** Rule of thumb, larger is better; compared only among variants that fit. Below 0: so slow here that it is not worth measuring. */
  score(problem: P, traits: AdapterTraits): number;
}

/** Invocations of a workgroup of a kernel without barriers: on a CPU adapter, a workgroup is what a core takes at a time. */
export const workgroupOf = ({ cpu }: AdapterTraits): number => (cpu ? 16 : workgroupSize);

const isRecord = (value: unknown): value is object =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** `m=64 n=128`, from the fields of a problem, and from those of its fields; a problem that is one number is that number. */
const describe = (problem: unknown): string =>
  isRecord(problem)
    ? Object.entries(problem)
        .map(([name, value]) => (isRecord(value) ? describe(value) : `${name}=${value}`))
        .join(" ")
    : String(problem);

/**
 * Picks the variant of a family among those that are right: the one forced for it (or for all families, as "*"), else the one that was
 * measured to be fastest on this problem, else the best by its own rule of thumb. Variants that the adapter is known to get wrong are
 * taken only by force.
 */
export function choose<V extends Variant<P>, P>(
  family: string,
  variants: readonly V[],
  problem: P,
  traits: AdapterTraits,
): V {
  const right = variants.filter((variant) => variant.fits(problem, traits));
  const named = (name: string | undefined, among: readonly V[]) => among.find((variant) => variant.name === name);
  const forced = named(traits.forced?.[family], right) ?? named(traits.forced?.["*"], right);
  if (forced) return forced;
  const known = right.filter(({ name }) => !traits.avoid?.has(`${family}/${name}`));
  const sound = known.length > 0 ? known : right;
  const key = `${family} ${describe(problem)}`;
  if (traits.onChoice) {
    const worth = sound.filter((variant) => variant.score(problem, traits) >= 0);
    traits.onChoice({ problem: key, variants: worth.map(({ name }) => name) });
  }
  return (
    named(traits.tuned?.get(key), sound) ??
    sound.reduce((best, variant) => (variant.score(problem, traits) > best.score(problem, traits) ? variant : best))
  );
}
