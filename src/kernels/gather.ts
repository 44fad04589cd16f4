import { gather, scatterAdd } from "../../shaders/gather.wgsl.ts";
import { alongX } from "../../shaders/lib/grid.wgsl.ts";
import { bytesPer, labelShape, sizeOf } from "../graph/shape.ts";
import { bound } from "./call.ts";
import { named, only } from "./choose.ts";
import type { Kernels } from "./lowering.ts";
import { touched } from "./work.ts";

export const gatherFamily = /* @__PURE__ */ only("gather", "gather");
export const scatterAddFamily = /* @__PURE__ */ only("scatterAdd", "gather");

/** Picks elements along `attrs.axis`. */
export const gatherKernels: Kernels = {
  precision: "operands",
  lower({ node, inputs }, to) {
    const [x, index] = inputs.map((tensor) => to.view(tensor));
    const y = to.result(0)!;
    const count = sizeOf(y.shape);
    return [
      {
        label: `gather${labelShape(y.shape)}:${y.dtype}`,
        ...named(gatherFamily, "naive"),
        ...bound(gather({ x: x!, index: index!, y, axis: node.attrs["axis"] })),
        workgroups: alongX(count),
        flops: 0,
        bytes: touched(index!) + 2 * count * bytesPer(y.dtype),
      },
    ];
  },
};

/** Adds elements at indexed positions along `attrs.axis`. */
export const scatterAddKernels: Kernels = {
  lower({ node, inputs }, to) {
    const [x, index, source] = inputs.map((tensor) => to.view(tensor));
    const y = to.result(0)!;
    const count = sizeOf(y.shape);
    return [
      {
        label: `scatterAdd${labelShape(y.shape)}:${y.dtype}`,
        ...named(scatterAddFamily, "naive"),
        ...bound(scatterAdd({ x: x!, index: index!, source: source!, y, axis: node.attrs["axis"] })),
        workgroups: alongX(count),
        flops: sizeOf(index!.shape),
        bytes: touched(x!) + touched(index!) + touched(source!) + count * bytesPer(y.dtype),
      },
    ];
  },
};
