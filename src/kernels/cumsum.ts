import { cumsumBlocks, cumsumNaive, type RunningSum } from "../../shaders/cumsum.wgsl.ts";
import { alongX } from "../../shaders/lib/grid.wgsl.ts";
import type { Kernel } from "../../shaders/lib/kernel.ts";
import { bytesPer, labelShape, sizeOf } from "../graph/shape.ts";
import { bound } from "./call.ts";
import { choose, type Variant } from "./choose.ts";
import type { Kernels } from "./lowering.ts";
import { touched } from "./work.ts";

interface Problem {
  readonly lines: number;
  readonly length: number;
}

interface CumsumVariant extends Variant<Problem> {
  readonly write: (sum: RunningSum) => Kernel;
}

export const cumsumVariants: readonly CumsumVariant[] = [
  { name: "naive", score: () => -1, write: cumsumNaive },
  { name: "blocks", score: () => 1, write: cumsumBlocks },
];

/** How running sums along `attrs.axis` are computed. */
export const cumsumKernels: Kernels = {
  lower({ node, inputs: [tensor] }, to) {
    const { axis } = node.attrs;
    const [x, y] = [to.view(tensor!), to.result(0)!];
    const [count, length] = [sizeOf(y.shape), y.shape[axis]!];
    const problem = { lines: count / length, length };
    const variant = choose<CumsumVariant, Problem>("cumsum", cumsumVariants, problem, to.traits);
    return [
      {
        label: `cumsum${labelShape(y.shape)}:${y.dtype}`,
        family: "cumsum",
        variant: variant.name,
        ...bound(variant.write({ x, y, axis })),
        workgroups: alongX(problem.lines),
        flops: count,
        bytes: touched(x) + count * bytesPer(y.dtype),
      },
    ];
  },
};
