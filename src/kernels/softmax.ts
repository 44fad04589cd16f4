import type { Kernel } from "../../shaders/lib/kernel.ts";
import type { Way } from "../../shaders/lib/lines.ts";
import { isRowMajor } from "../../shaders/lib/view.wgsl.ts";
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
import type { Tensor } from "../graph/tensor.ts";
import { bound } from "./call.ts";
import { chooseWay, keepingLines, lineFamily, linesAlong } from "./lines.ts";
import type { Kernels, Lowering } from "./lowering.ts";
import { touched } from "./work.ts";

export const softmaxFamily = /* @__PURE__ */ lineFamily("softmax", "softmax", keepingLines);

/** Writes a kernel over logits, from the parameters it needs. */
type Write = (p: CrossEntropyGrad) => Kernel;

/** Runs softmax and related ops: along `attrs.axis`, or with labels along axis 1. */
const kernelsOf = (
  kind: string,
  naive: Write,
  along: (way: Way) => Write,
  types: Pick<Kernels, "precision" | "widens"> = {},
): Kernels => ({
  ...types,
  lower({ node: { attrs }, inputs: [logits, ...others] }, to) {
    const [labels, dloss] = others.map((tensor) => to.view(tensor));
    const x = to.contiguous(logits!);
    const y = to.result(0, dloss && mayOverwrite(logits!, others, to) ? logits : undefined)!;
    const axis: number = attrs["axis"] ?? 1;
    const lines = linesAlong(x.shape, axis);
    const { write, chosen } = chooseWay(softmaxFamily, { naive, lines: along }, lines, to.traits);
    const read = [x, labels, dloss].filter((view) => view !== undefined);
    return [
      {
        label: `${kind}${labelShape(x.shape)}[${axis}]:${y.dtype}`,
        ...chosen,
        ...bound(write({ ...lines, x, y, labels: labels!, dloss: dloss!, ignore: attrs["ignore"] })),
        flops: 8 * lines.lines * lines.length,
        bytes: [...read, y].reduce((total, view) => total + touched(view), 0),
      },
    ];
  },
});

/** Bytes from which a gradient takes the place of the logits. Smaller ones may share a dispatch with the loss instead. */
const leastReplaced = 2 ** 20;

/** Whether the gradient may overwrite the logits: they are large, this is their last use, and nothing is beside them. */
function mayOverwrite(logits: Tensor, others: readonly Tensor[], to: Lowering): boolean {
  const view = to.view(logits);
  const isAlone = others.every((other) => to.view(other).buffer !== view.buffer);
  return view.span >= leastReplaced && isAlone && to.dies(logits) && view.offset === 0 && isRowMajor(view);
}

export const softmaxKernels = /* @__PURE__ */ kernelsOf("softmax", softmaxNaive, softmaxLines, {
  precision: "operands",
  widens: true,
});
export const logSoftmaxKernels = /* @__PURE__ */ kernelsOf("logSoftmax", logSoftmaxNaive, logSoftmaxLines);
export const crossEntropyKernels = /* @__PURE__ */ kernelsOf("crossEntropy", crossEntropyNaive, crossEntropyLines);
export const crossEntropyGradKernels = /* @__PURE__ */ kernelsOf(
  "crossEntropyGrad",
  crossEntropyGradNaive,
  crossEntropyGradLines,
);
