import type { Kernel } from "../../shaders/lib/kernel.ts";
import {
  type CrossEntropyGrad,
  crossEntropyGradLines,
  crossEntropyGradNaive,
  crossEntropyLines,
  crossEntropyNaive,
  logSoftmaxLines,
  logSoftmaxNaive,
  softmaxLines,
  softmaxNaive,
} from "../../shaders/softmax.wgsl.ts";
import { labelShape } from "../graph/shape.ts";
import { bound } from "./call.ts";
import { chooseWay, lineFamily, linesAlong } from "./lines.ts";
import type { Kernels } from "./lowering.ts";
import { touched } from "./work.ts";

/** What is made of logits. Each reads of the parameters what it needs. */
type Kind = "softmax" | "logSoftmax" | "crossEntropy" | "crossEntropyGrad";
type Writers = Readonly<Record<Kind, (p: CrossEntropyGrad) => Kernel>>;

export const softmaxFamily = /* @__PURE__ */ lineFamily<Writers>(
  "softmax",
  "softmax",
  {
    softmax: softmaxNaive,
    logSoftmax: logSoftmaxNaive,
    crossEntropy: crossEntropyNaive,
    crossEntropyGrad: crossEntropyGradNaive,
  },
  (way) => ({
    softmax: softmaxLines(way),
    logSoftmax: logSoftmaxLines(way),
    crossEntropy: crossEntropyLines(way),
    crossEntropyGrad: crossEntropyGradLines(way),
  }),
);

/** How softmax and its relatives run: along `attrs.axis`, or with labels along axis 1. */
export const softmaxKernels = (kind: Kind): Kernels => ({
  lower({ node: { attrs }, inputs: [logits, ...others] }, to) {
    const [x, y] = [to.contiguous(logits!), to.result(0)!];
    const [labels, dloss] = others.map((tensor) => to.view(tensor));
    const axis: number = attrs["axis"] ?? 1;
    const lines = linesAlong(x.shape, axis);
    const { write, chosen } = chooseWay(softmaxFamily, lines, to.traits);
    const read = [x, labels, dloss].filter((view) => view !== undefined);
    return [
      {
        label: `${kind}${labelShape(x.shape)}[${axis}]:${x.dtype}`,
        ...chosen,
        ...bound(write[kind]({ ...lines, x, y, labels: labels!, dloss: dloss!, ignore: attrs["ignore"] })),
        flops: 8 * lines.lines * lines.length,
        bytes: [...read, y].reduce((total, view) => total + touched(view), 0),
      },
    ];
  },
});
