import { alongX } from "../../shaders/lib/grid.wgsl.ts";
import type { Kernel } from "../../shaders/lib/kernel.ts";
import { type Sorting, sortBlocks, sortMerge, sortNaive } from "../../shaders/sort.wgsl.ts";
import { labelShape, sizeOf } from "../graph/shape.ts";
import { bound, type KernelCall } from "./call.ts";
import { choose, family, named, type Variant } from "./choose.ts";
import type { Kernels, Lowering } from "./lowering.ts";
import { touched } from "./work.ts";

interface Problem {
  readonly lines: number;
  readonly length: number;
}

interface SortVariant extends Variant<Problem> {
  /** The kernels in order, and the suffix of each label. */
  kernels(sorting: Sorting, to: Lowering): readonly (readonly [name: string, Kernel])[];
}

/** Size of the blocks that the first pass sorts by counting. */
const block = 64;

/**
 * Counting takes length² comparisons per line; merging takes length · log² length, in several dispatches. On
 * SwiftShader with 64 lines, both take the same time at length 64, and merging is 6 to 9 times as fast up to 1024.
 * Scores for GPUs are estimates.
 */
export const sortFamily = /* @__PURE__ */ family<SortVariant>("sort", "sort", [
  {
    name: "naive",
    score: ({ length }, { cpu }) => (length <= (cpu ? 64 : 512) ? 2 : 0),
    kernels: (sorting) => [["", sortNaive(sorting)]],
  },
  {
    name: "merge",
    score: () => 1,
    kernels(sorting, to) {
      const { x, y, length } = sorting;
      const scratch = [0, 1].map((i) => to.scratch(`sorted runs ${i}`, x.shape, "i32"));
      const kernels: [string, Kernel][] = [["/blocks", sortBlocks(sorting, scratch[0]!, block)]];
      let from = 0;
      for (let run = block; run < length || kernels.length === 1; run *= 2) {
        const last = 2 * run >= length;
        kernels.push([`/merge${run}`, sortMerge(sorting, scratch[from]!, last ? y : scratch[1 - from]!, run)]);
        from = 1 - from;
      }
      return kernels;
    },
  },
]);

/** Runs a sort: positions of the first `attrs.kept` elements along `attrs.axis` in sorted order. */
export const sortKernels: Kernels = {
  precision: "operands",
  lower({ node, inputs }, to): readonly KernelCall[] {
    const { axis, kept, descending } = node.attrs as { axis: number; kept: number; descending: boolean };
    const [x, y] = [to.contiguous(inputs[0]!), to.result(0)!];
    const length = x.shape[axis]!;
    const lines = sizeOf(x.shape) / length;
    const inner = sizeOf(x.shape.slice(axis + 1));
    const sorting = { x, y, lines, length, inner, kept, descending };
    return sortCalls(sorting, `${node.op.name}${labelShape(x.shape)}[${axis}]`, to);
  },
};

/** The calls that sort. @param label what their labels begin with. */
export function sortCalls(sorting: Sorting, label: string, to: Lowering): readonly KernelCall[] {
  const { x, y, lines, length } = sorting;
  const variant = choose<SortVariant, Problem>(sortFamily, { lines, length }, to.traits);
  const count = lines * length;
  return variant.kernels(sorting, to).map(([name, kernel]) => ({
    label: `${label}${name}:${x.dtype}`,
    ...named(sortFamily, variant),
    ...bound(kernel),
    workgroups: alongX(count),
    invocations: count,
    flops: 4 * count * (variant.name === "naive" ? length : Math.ceil(Math.log2(length))),
    bytes: touched(x) + touched(y),
  }));
}
