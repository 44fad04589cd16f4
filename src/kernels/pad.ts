import { alongX } from "../../shaders/lib/grid.wgsl.ts";
import type { Kernel } from "../../shaders/lib/kernel.ts";
import { type Padding, padNaive, padVec4 } from "../../shaders/pad.wgsl.ts";
import { largestHalf } from "../graph/half.ts";
import { bytesPer, labelShape, sizeOf } from "../graph/shape.ts";
import { bound } from "./call.ts";
import { choose, family, named, unless, type Variant } from "./choose.ts";
import type { Kernels } from "./lowering.ts";
import { touched } from "./work.ts";

interface Problem {
  /** Elements of a result, and those along its last axis. */
  readonly count: number;
  readonly last: number;
}

interface PadVariant extends Variant<Problem> {
  readonly write: (padding: Padding) => Kernel;
  /** Results of one invocation. */
  readonly width: number;
}

export const padFamily = /* @__PURE__ */ family<PadVariant>("pad", "pad", [
  { name: "naive", score: () => -1, write: padNaive, width: 1 },
  {
    name: "vec4",
    needs: ({ last }) => unless(last % 4 === 0, "a multiple of 4 elements along the last axis"),
    score: () => 1,
    write: padVec4,
    width: 4,
  },
]);

/** How elements are surrounded by a value, `attrs.low` before them on each axis and `attrs.interior` between them. */
export const padKernels: Kernels = {
  precision: "operands",
  lower({ node, inputs: [x] }, to) {
    const { low, interior, value } = node.attrs;
    const view = to.view(x!);
    const y = to.result(0)!;
    const count = sizeOf(y.shape);
    const variant = choose<PadVariant, Problem>(padFamily, { count, last: y.shape.at(-1)! }, to.traits);
    // The lowest and highest numbers of f16 stand for what lies beyond them.
    const held = y.dtype === "f16" ? Math.min(Math.max(value, -largestHalf), largestHalf) : value;
    return [
      {
        label: `pad${labelShape(y.shape)}:${y.dtype}`,
        ...named(padFamily, variant),
        ...bound(variant.write({ x: view, y, low, interior, value: held })),
        workgroups: alongX(count / variant.width),
        flops: 0,
        bytes: touched(view) + count * bytesPer(y.dtype),
      },
    ];
  },
};
