import { concat, type Joining, joinsFours } from "../../shaders/concat.wgsl.ts";
import { alongX } from "../../shaders/lib/grid.wgsl.ts";
import { bytesPer, labelShape, sizeOf } from "../graph/shape.ts";
import { bound } from "./call.ts";
import { choose, family, named, unless, type Variant } from "./choose.ts";
import type { Kernels } from "./lowering.ts";
import { touched } from "./work.ts";

interface Problem {
  readonly count: number;
  readonly inputs: number;
  /** Whether each run of elements from one input has a length divisible by 4. */
  readonly fours: boolean;
}

interface ConcatVariant extends Variant<Problem> {
  /** Results per invocation. */
  readonly width: 1 | 4;
}

export const concatFamily = /* @__PURE__ */ family<ConcatVariant>("concat", "concat", [
  { name: "naive", score: () => -1, width: 1 },
  {
    name: "vec4",
    needs: ({ fours }) => unless(fours, "runs of a multiple of 4 elements from each input"),
    score: () => 1,
    width: 4,
  },
]);

/** Joins tensors along `attrs.axis`. */
export const concatKernels: Kernels = {
  precision: "operands",
  lower({ node, inputs }, to) {
    const views = inputs.map((input) => to.view(input));
    const y = to.result(0)!;
    const joining: Joining = { inputs: views, y, axis: node.attrs["axis"] };
    const count = sizeOf(y.shape);
    const problem = { count, inputs: inputs.length, fours: joinsFours(joining) };
    const variant = choose<ConcatVariant, Problem>(concatFamily, problem, to.traits);
    return [
      {
        label: `concat${labelShape(y.shape)}:${y.dtype}`,
        ...named(concatFamily, variant),
        ...bound(concat(joining, variant.width)),
        workgroups: alongX(count / variant.width),
        flops: 0,
        bytes: views.reduce((sum, view) => sum + touched(view), count * bytesPer(y.dtype)),
      },
    ];
  },
};
