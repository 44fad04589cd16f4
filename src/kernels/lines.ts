import { alongX, workgroupSize } from "../../shaders/lib/grid.wgsl.ts";
import { type Lines, serial, tree, type Way } from "../../shaders/lib/lines.ts";
import { type Shape, sizeOf } from "../graph/shape.ts";
import { choose, type Family, family, named, needsWorkgroup, type Variant } from "./choose.ts";
import type { AdapterTraits } from "./traits.ts";

/** How many lines there are, and their length. Each is reduced on its own. */
type Problem = Pick<Lines, "lines" | "length">;

export interface LineVariant extends Variant<Problem> {
  /** How it walks along lines; absent for the definition. */
  readonly way?: Way;
  /** Invocations for this many lines. */
  readonly invocations: (lines: number) => number;
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
 */
export const lineFamily = (name: string, source: string): Family<LineVariant> =>
  family(name, source, [
    { name: "naive", score: () => -1, invocations: (lines) => lines },
    {
      name: "serial",
      score: ({ lines, length }, { cpu }) => (cpu || length <= 32 || (lines >= 16384 && length <= 256) ? 2 : 0),
      way: serial,
      invocations: (lines) => lines,
    },
    {
      name: "tree",
      needs: (_, traits) => needsWorkgroup(traits, workgroupSize, 4 * workgroupSize),
      score: () => 1,
      way: tree,
      invocations: (lines) => lines * workgroupSize,
    },
  ]);

/** The function that writes the kernel for these lines, and the fields of its call. */
export function chooseWay<W>(
  family: Family<LineVariant>,
  { naive, lines: along }: Writers<W>,
  { lines, length }: Problem,
  traits: AdapterTraits,
) {
  const variant = choose<LineVariant, Problem>(family, { lines, length }, traits);
  const invocations = variant.invocations(lines);
  return {
    write: variant.way ? along(variant.way) : naive,
    chosen: { ...named(family, variant), workgroups: alongX(invocations), invocations },
  };
}
