import { cumprodNaive, cumsumBlocks, cumsumNaive, type Running } from "../../shaders/cumsum.wgsl.ts";
import { alongX } from "../../shaders/lib/grid.wgsl.ts";
import type { Kernel } from "../../shaders/lib/kernel.ts";
import { bytesPer, labelShape, sizeOf } from "../graph/shape.ts";
import { bound } from "./call.ts";
import { choose, type Family, family, named, type Variant } from "./choose.ts";
import type { Kernels } from "./lowering.ts";
import { touched } from "./work.ts";

interface Problem {
  readonly lines: number;
  readonly length: number;
}

interface CumsumVariant extends Variant<Problem> {
  readonly write: (running: Running) => Kernel;
}

export const cumsumFamily = /* @__PURE__ */ family<CumsumVariant>("cumsum", "cumsum", [
  { name: "naive", score: () => -1, write: cumsumNaive },
  { name: "blocks", score: () => 1, write: cumsumBlocks },
]);

export const cumprodFamily = /* @__PURE__ */ family<CumsumVariant>("cumprod", "cumsum", [
  { name: "naive", score: () => 1, write: cumprodNaive },
]);

/** Cumulative sums or products along `attrs.axis`. */
const running = (family: Family<CumsumVariant>): Kernels => ({
  lower({ node, inputs: [tensor] }, to) {
    const { axis } = node.attrs;
    const [x, y] = [to.view(tensor!), to.result(0)!];
    const [count, length] = [sizeOf(y.shape), y.shape[axis]!];
    const problem = { lines: count / length, length };
    const variant = choose<CumsumVariant, Problem>(family, problem, to.traits);
    return [
      {
        label: `${family.name}${labelShape(y.shape)}:${y.dtype}`,
        ...named(family, variant),
        ...bound(variant.write({ x, y, axis })),
        workgroups: alongX(problem.lines),
        flops: count,
        bytes: touched(x) + count * bytesPer(y.dtype),
      },
    ];
  },
});

export const cumsumKernels = /* @__PURE__ */ running(cumsumFamily);
export const cumprodKernels = /* @__PURE__ */ running(cumprodFamily);
