import { alongX, workgroupSize } from "../../shaders/lib/grid.wgsl.ts";
import { kept, type Lines, serial, tree, type Way } from "../../shaders/lib/lines.ts";
import { type Shape, sizeOf } from "../graph/shape.ts";
import { choose, type Family, family, named, needsWorkgroup, unless, type Variant } from "./choose.ts";
import type { AdapterTraits } from "./traits.ts";

/** How many lines there are, and their length. Each is reduced on its own. */
type Problem = Pick<Lines, "lines" | "length">;

export interface LineVariant extends Variant<Problem> {
  /** How it walks along lines of some length; absent for the definition. */
  readonly way?: (length: number) => Way;
}

/**
 * A kernel's definition, and the kernel for each way to walk along lines.
 * @template W function that writes a kernel.
 */
interface Writers<W> {
  readonly naive: W;
  readonly lines: (way: Way) => W;
}

/** The lines of a shape along one axis. */
export function linesAlong(shape: Shape, axis: number): Lines {
  const length = shape[axis]!;
  return { lines: sizeOf(shape) / length, length, inner: sizeOf(shape.slice(axis + 1)) };
}

/**
 * A family of kernels that reduce lines: the definition and two fast ways. On the CPU adapters SwiftShader and
 * lavapipe, `serial` was measured to be faster: softmax of 256 × 1024 takes 0.4 ms against 1.1 for `tree`, of 1024 × 64
 * 0.3 ms against 3.3; for four lines of 16384 they are equal. Scores for GPUs are estimates: in `tree`, neighbouring
 * invocations read neighbouring elements; in `serial`, each reads its own line, which caches hold only while lines are
 * short.
 * @param more further variants.
 */
export const lineFamily = (name: string, source: string, more: readonly LineVariant[] = []): Family<LineVariant> =>
  family(name, source, [
    { name: "naive", score: () => -1 },
    {
      name: "serial",
      score: ({ lines, length }, { cpu }) => (cpu || length <= 32 || (lines >= 16384 && length <= 256) ? 2 : 0),
      way: () => serial,
    },
    {
      name: "tree",
      needs: (_, traits) => needsWorkgroup(traits, workgroupSize, 4 * workgroupSize),
      score: () => 1,
      way: () => tree,
    },
    ...more,
  ]);

/** Longest lines that are kept in registers, of up to 16 numbers in an invocation. */
const mostKept = 4096;
const keptSize = (length: number): number => (length > 16 * workgroupSize ? 4 * workgroupSize : workgroupSize);

const keeping = (name: string, quads: boolean): LineVariant => ({
  name,
  needs: ({ length }, traits) =>
    unless(!quads || traits.features.has("subgroups"), "subgroups") ??
    unless(length <= mostKept, `lines of at most ${mostKept} elements`) ??
    needsWorkgroup(traits, keptSize(length), 16 * keptSize(length)),
  score: (_, { cpu }) => (cpu ? 0 : quads ? 1.6 : 1.5),
  way: (length) => kept(keptSize(length), quads),
});

/**
 * Variants for kernels that need a line more than once: `kept` reads memory once, where `tree` reads softmax's operand
 * twice and layerNorm's three times, and `quads` has two barriers for each sum where `kept` has eight. Counted, not timed:
 * their scores are estimates.
 */
export const keepingLines: readonly LineVariant[] = [keeping("kept", false), keeping("quads", true)];

/** The function that writes the kernel for these lines, and the fields of its call. */
export function chooseWay<W>(
  family: Family<LineVariant>,
  { naive, lines: along }: Writers<W>,
  { lines, length }: Problem,
  traits: AdapterTraits,
) {
  const variant = choose<LineVariant, Problem>(family, { lines, length }, traits);
  const way = variant.way?.(length);
  const size = way?.size ?? workgroupSize;
  const invocations = way && way.again !== "cached" ? lines * size : lines;
  return {
    write: way ? along(way) : naive,
    chosen: { ...named(family, variant), workgroups: alongX(invocations, size), invocations },
  };
}
