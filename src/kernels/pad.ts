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
  /** Elements of the result, and along its last axis. */
  readonly count: number;
  readonly last: number;
}

interface PadVariant extends Variant<Problem> {
  readonly write: (padding: Padding) => Kernel;
  /** Results per invocation. */
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

/** Pads with a value: `attrs.low` elements before each axis, `attrs.interior` between elements. */
export const padKernels: Kernels = {
  precision: "operands",
  lower({ node, inputs: [x] }, to) {
    const { low, interior, value } = node.attrs;
    const view = to.view(x!);
    const y = to.result(0)!;
    const count = sizeOf(y.shape);
    const variant = choose<PadVariant, Problem>(padFamily, { count, last: y.shape.at(-1)! }, to.traits);
    // Clamp the value to the range of f16.
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
