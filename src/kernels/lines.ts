import { alongX, workgroupSize } from "../../shaders/lib/grid.wgsl.ts";
import { type Lines, serial, tree, type Way } from "../../shaders/lib/lines.ts";
import { type Shape, sizeOf } from "../graph/shape.ts";
import { choose, type Family, family, named, needsWorkgroup, type Variant } from "./choose.ts";
import type { AdapterTraits } from "./traits.ts";

/** Lines, and the elements of each, which is folded by itself. */
type Problem = Pick<Lines, "lines" | "length">;

interface LineVariant extends Variant<Problem> {
  /** How it goes along lines; absent where each is folded by the definition. */
  readonly way?: Way;
  /** Invocations that this many lines take. */
  readonly invocations: (lines: number) => number;
}

/** A kernel's definition, and the kernel for each way to go along lines. @template W what writes the kernel. */
interface Writers<W> {
  readonly naive: W;
  readonly lines: (way: Way) => W;
}

/** The lines of a shape along one of its axes. */
export function linesAlong(shape: Shape, axis: number): Lines {
  const length = shape[axis]!;
  return { lines: sizeOf(shape) / length, length, inner: sizeOf(shape.slice(axis + 1)) };
}

/**
 * The definition of a kernel that folds lines, and the kernel in both ways. On CPU adapters `serial` was measured to be faster, on
 * SwiftShader and on lavapipe. There, softmax of 256 × 1024 takes 0.4 ms to 1.1, of 1024 × 64 0.3 ms to 3.3; of four lines of 16384, both take
 * the same. What GPUs prefer is reasoned, not measured: neighbours read what lies side by side in a tree, and each invocation a line of its
 * own in `serial`, which caches hold while lines are short.
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
      needs: (_, traits) => needsWorkgroup(traits, workgroupSize),
      score: () => 1,
      way: tree,
      invocations: (lines) => lines * workgroupSize,
    },
  ]);

/** What writes the kernel for these lines, and what a call says of it. */
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
