import { workgroupSize } from "../../shaders/lib/grid.wgsl.ts";
import type { Variant } from "./variants.ts";

/** Lines of so many elements, each folded by itself. */
export interface Lines {
  readonly lines: number;
  readonly length: number;
}

export interface LineVariant<P> extends Variant<Lines> {
  readonly write: (params: P) => string;
  /** Invocations that so many lines take. */
  readonly invocations: (lines: number) => number;
}

/** The two ways to a kernel that folds lines: an invocation for each (`serial`), or a workgroup with a tree (`tree`). */
/* @__NO_SIDE_EFFECTS__ */
export const lineVariants = <P>(
  serial: (params: P) => string,
  tree: (params: P) => string,
): readonly LineVariant<P>[] => [
  {
    name: "serial",
    fits: () => true,
    score: ({ lines, length }, { cpu }) => (cpu || lines >= 16384 || length <= 32 ? 2 : 0),
    write: serial,
    invocations: (lines) => lines,
  },
  {
    name: "tree",
    fits: (_, { maxInvocations }) => maxInvocations >= workgroupSize,
    score: () => 1,
    write: tree,
    invocations: (lines) => lines * workgroupSize,
  },
];
