import { workgroupSize } from "../../shaders/lib/grid.wgsl.ts";
import { AttributeError, LimitError } from "../errors.ts";
import type { Candidate, Choice } from "./call.ts";
import type { AdapterTraits, Forced } from "./traits.ts";

/** One way to compute a family's kernel. Which one runs is a function of the problem and the adapter's traits. */
export interface Variant<P> {
  readonly name: string;
  /** What it needs to be right and does not have here, in words: limits, divisibility, features. Nothing where it fits. */
  needs?(problem: P, traits: AdapterTraits): string | undefined;
  /** Rule of thumb, larger is better; compared only among variants that fit. Below 0: so slow here that it is not worth measuring. */
  score(problem: P, traits: AdapterTraits): number;
}

/** Kernels that compute one thing, and where their texts were written. */
export interface Family<V extends { readonly name: string } = Variant<never>> {
  readonly name: string;
  readonly source: string;
  /** The plainest first. */
  readonly variants: readonly V[];
}

export const family = <V extends { readonly name: string }>(
  name: string,
  source: string,
  variants: readonly V[],
): Family<V> => ({ name, source: `shaders/${source}.wgsl.ts`, variants });

/** A family of one kernel. */
export const only = (name: string, source: string, variant = "naive"): Family =>
  family(name, source, [{ name: variant, score: () => 1 }]);

/** What a call says of its kernel. */
export const named = ({ name, source }: Family, variant: { readonly name: string } | string) => ({
  family: name,
  variant: typeof variant === "string" ? variant : variant.name,
  source,
});

/** `what`, where it is missing. */
export const unless = (isThere: boolean, what: string): string | undefined => (isThere ? undefined : what);

/** What a workgroup of so many invocations, with so many bytes of memory, lacks on an adapter. */
export const needsWorkgroup = (
  { maxInvocations, maxWorkgroupBytes }: Pick<AdapterTraits, "maxInvocations" | "maxWorkgroupBytes">,
  invocations: number,
  bytes = 0,
): string | undefined =>
  unless(
    maxInvocations >= invocations,
    `${invocations} invocations of a workgroup, the adapter has ${maxInvocations}`,
  ) ?? unless(maxWorkgroupBytes >= bytes, `${bytes} bytes of workgroup memory, the adapter has ${maxWorkgroupBytes}`);

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

const names = (variants: readonly { readonly name: string }[]): string => variants.map(({ name }) => name).join(", ");

/**
 * Picks the variant of a family among those that are right: the one forced for it (or for all families, as "*"), else the one that was
 * measured to be fastest on this problem, else the best by its own rule of thumb. Variants that the adapter is known to get wrong are
 * taken only by force.
 * @throws AttributeError for a forced variant that does not exist or does not fit.
 * @throws LimitError where none fits.
 */
export function choose<V extends Variant<P>, P>(
  { name: family, variants }: Family<V>,
  problem: P,
  traits: AdapterTraits,
): V {
  const key = `${family} ${describe(problem)}`;
  const needed = new Map(variants.map((variant) => [variant, variant.needs?.(problem, traits)]));
  const right = variants.filter((variant) => needed.get(variant) === undefined);
  const called = (name: string | undefined, among: readonly V[]) => among.find((variant) => variant.name === name);
  const wished = (asked: Forced[string] | undefined) => (typeof asked === "object" ? asked.ifFits : asked);
  const known = right.filter(({ name }) => !traits.avoid?.has(`${family}/${name}`));
  const sound = known.length > 0 ? known : right;
  const scores = new Map(sound.map((variant) => [variant, variant.score(problem, traits)]));
  const decided = (chosen: V, by: Choice["by"]): V => {
    traits.onChoice?.({
      problem: key,
      chosen: chosen.name,
      by,
      variants: variants.map((variant): Candidate => {
        const { name } = variant;
        const [lacks, score, ms] = [needed.get(variant), scores.get(variant), traits.timed?.get(key)?.[name]];
        if (lacks !== undefined) return { variant: name, lacks };
        if (score === undefined) return { variant: name, lacks: "right values: the self-check found it wrong here" };
        return { variant: name, score, ...(ms !== undefined && { ms }) };
      }),
    });
    return chosen;
  };
  const asked = traits.forced?.[family];
  const forced = called(wished(asked), right);
  if (forced) return decided(forced, "force");
  if (asked !== undefined) {
    const there = called(wished(asked), variants);
    if (!there)
      throw new AttributeError(
        `compile: ${family} has no variant "${wished(asked)}", expected one of ${names(variants)}`,
      );
    if (typeof asked === "string")
      throw new AttributeError(`compile: variant "${asked}" does not fit ${key}: it needs ${needed.get(there)}`);
  }
  const everywhere = called(wished(traits.forced?.["*"]), right);
  if (everywhere) return decided(everywhere, "force");
  if (right.length === 0) {
    const all = variants.map((variant) => `${variant.name} needs ${needed.get(variant)}`);
    throw new LimitError(`compile: no kernel fits ${key}: ${all.join("; ")}`);
  }
  const measured = called(traits.tuned?.get(key), sound);
  if (measured) return decided(measured, "measurement");
  return decided(
    sound.reduce((best, variant) => (scores.get(variant)! > scores.get(best)! ? variant : best)),
    "score",
  );
}
