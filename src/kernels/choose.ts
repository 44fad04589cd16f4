import { workgroupSize } from "../../shaders/lib/grid.wgsl.ts";
import { AttributeError, LimitError } from "../errors.ts";
import type { Candidate, Choice } from "./call.ts";
import type { AdapterTraits, ExtraVariants, Forced } from "./traits.ts";

/** One way to compute a family's kernel. The problem and the adapter's traits decide which variant runs. */
export interface Variant<P> {
  readonly name: string;
  /** The file of its kernel, if it is not the family's. */
  readonly source?: string;
  /**
   * The requirement for correct results that is not met here: a limit, divisibility or a feature. Undefined if the
   * variant fits.
   */
  needs?(problem: P, traits: AdapterTraits): string | undefined;
  /**
   * Heuristic score, higher is better; compared among variants that fit. Below 0: too slow here to be worth measuring.
   */
  score(problem: P, traits: AdapterTraits): number;
}

/** Kernels that compute the same thing, and the file of their source. */
export interface Family<V extends { readonly name: string } = Variant<never>> {
  readonly name: string;
  readonly source: string;
  /** Simplest first. */
  readonly variants: readonly V[];
}

export const family = <V extends { readonly name: string }>(
  name: string,
  source: string,
  variants: readonly V[],
): Family<V> => ({ name, source: `shaders/${source}.wgsl.ts`, variants });

/** A family with one kernel. */
export const only = (name: string, source: string, variant = "naive"): Family =>
  family(name, source, [{ name: variant, score: () => 1 }]);

/** The fields of a call that name its kernel. */
export const named = (
  { name, source }: Family,
  variant: { readonly name: string; readonly source?: string } | string,
) => ({
  family: name,
  variant: typeof variant === "string" ? variant : variant.name,
  source: (typeof variant === "object" && variant.source) || source,
});

/** A family with the variants that are loaded for it on demand. */
export const withExtra = <V extends { readonly name: string }>(
  whole: Family<V>,
  extra: ExtraVariants = {},
): Family<V> => ({
  ...whole,
  variants: [...whole.variants, ...((extra[whole.name] ?? []) as readonly V[])],
});

/** `what`, unless it is there. */
export const unless = (isThere: boolean, what: string): string | undefined => (isThere ? undefined : what);

/** The limit that a workgroup of this many invocations and bytes of memory exceeds, if any. */
export const needsWorkgroup = (
  { maxInvocations, maxWorkgroupBytes }: Pick<AdapterTraits, "maxInvocations" | "maxWorkgroupBytes">,
  invocations: number,
  bytes = 0,
): string | undefined =>
  unless(
    maxInvocations >= invocations,
    `${invocations} invocations per workgroup, the adapter allows ${maxInvocations}`,
  ) ??
  unless(maxWorkgroupBytes >= bytes, `${bytes} bytes of workgroup memory, the adapter allows ${maxWorkgroupBytes}`);

/** The same for kernels that read a product's first factor from memory: `*` in a layout is one computed as it is loaded. */
export const firstInMemory = ({ layout }: { readonly layout: string }): string | undefined =>
  unless(!layout.startsWith("*"), "a first factor in memory; this one is computed as it is loaded");

/** Workgroup size of kernels without barriers. On a CPU adapter, a workgroup is the unit of work for a core. */
export const workgroupOf = ({ cpu }: AdapterTraits): number => (cpu ? 16 : workgroupSize);

const isRecord = (value: unknown): value is object =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** Describes a problem by its fields, nested ones included: `m=64 n=128`. A problem that is a number is that number. */
const describe = (problem: unknown): string =>
  isRecord(problem)
    ? Object.entries(problem)
        .map(([name, value]) => (isRecord(value) ? describe(value) : `${name}=${value}`))
        .join(" ")
    : String(problem);

const names = (variants: readonly { readonly name: string }[]): string => variants.map(({ name }) => name).join(", ");

/**
 * Chooses among a family's variants that fit: the one forced for it (or for all families, as "*"), else the one
 * measured to be fastest on this problem, else the one with the highest score. A variant known to be wrong on this
 * adapter is used only if forced, or if all are.
 * @throws AttributeError for a forced variant that does not exist or does not fit.
 * @throws LimitError if none fits.
 */
export function choose<V extends Variant<P>, P>(whole: Family<V>, problem: P, traits: AdapterTraits): V {
  const { name: family, variants } = withExtra(whole, traits.extra);
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
        if (score === undefined)
          return { variant: name, lacks: "correct results: the self-check found wrong ones on this adapter" };
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
