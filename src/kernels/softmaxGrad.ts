import { softmaxGradLines, softmaxGradNaive } from "../../shaders/softmaxGrad.wgsl.ts";
import { labelShape } from "../graph/shape.ts";
import { bound, type View } from "./call.ts";
import { chooseWay, keepingLines, lineFamily, linesAlong } from "./lines.ts";
import type { Kernels } from "./lowering.ts";
import { endOf, touched } from "./work.ts";

export const softmaxGradFamily = /* @__PURE__ */ lineFamily("softmaxGrad", "softmaxGrad", keepingLines);
const writers = { naive: softmaxGradNaive, lines: softmaxGradLines };

/** Runs the gradient of softmax, from the result y and its gradient, along `attrs.axis`. */
export const softmaxGradKernels: Kernels = {
  after: true,
  lower(work, to) {
    const [y, dy] = work.inputs.map((tensor) => to.contiguous(tensor)) as [View, View];
    const axis: number = work.node.attrs["axis"];
    const { end, label, flops, bytes } = endOf(work, to, y.dtype);
    const lines = linesAlong(y.shape, axis);
    const { write, chosen } = chooseWay(softmaxGradFamily, writers, lines, to.traits);
    return [
      {
        label: `softmaxGrad${labelShape(y.shape)}[${axis}]${label}`,
        ...chosen,
        ...bound(write({ ...lines, y, dy, end })),
        flops: (4 + flops) * lines.lines * lines.length,
        bytes: touched(y) + touched(dy) + bytes,
      },
    ];
  },
};
