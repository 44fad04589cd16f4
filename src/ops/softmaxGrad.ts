import { legacy } from "../../shaders/lib/legacy.ts";
import { softmaxGrad as softmaxGradKernel } from "../../shaders/softmaxGrad.wgsl.ts";
import { labelShape, sizeOf } from "../graph/shape.ts";
import { apply, type Node, type Op, type Tensor } from "../graph/tensor.ts";
import { bind, type KernelCall, lengthOf, type View } from "../kernels/call.ts";
import { legacyEndOf } from "../kernels/legacy.ts";
import { chooseWay, lineVariants } from "../kernels/lines.ts";
import type { Kernels, Lowering } from "../kernels/lowering.ts";
import { touched } from "../kernels/work.ts";
import { mul, sub } from "./arithmetic.ts";
import { sum } from "./sum.ts";
import { expand } from "./views.ts";

const softmaxGradOp: Op = {
  name: "softmaxGrad",
  describe: ({ attrs: { axis } }) => `{axis: ${axis}}`,
  infer: ([y]) => [{ shape: y!.shape, dtype: y!.dtype }],
  vjp({ inputs: [y, dy], attrs: { axis } }, [u]) {
    if (!u) return [];
    const total = (weights: Tensor) => expand(sum(mul(weights, y!), axis, true), y!.shape);
    return [sub(mul(u, sub(dy!, total(dy!))), mul(dy!, total(u))), softmaxGrad(y!, u, axis)];
  },
  kernels: {
    lower: ({ node }, to) => [softmaxGradCall(node, to)],
    after: true,
  } satisfies Kernels,
};

/** y · (dy − Σ y · dy) along an axis that exists: the gradient of a softmax from its result, in one kernel. */
export const softmaxGrad = (y: Tensor, dy: Tensor, axis: number): Tensor => apply(softmaxGradOp, [y, dy], { axis });

export const softmaxGradVariants = /* @__PURE__ */ lineVariants(softmaxGradKernel);

function softmaxGradCall(node: Node, to: Lowering): KernelCall {
  const axis: number = node.attrs["axis"];
  const [y, dy] = node.inputs.slice(0, 2).map((input) => to.contiguous(input)) as [View, View];
  const end = legacyEndOf(node, to, y.dtype);
  const length = y.shape[axis]!;
  const lines = sizeOf(y.shape) / length;
  const { write, chosen } = chooseWay("softmaxGrad", softmaxGradVariants, { lines, length }, to.traits);
  return {
    label: `softmaxGrad${labelShape(y.shape)}[${axis}]${end.label}`,
    ...chosen,
    kernel: legacy(
      write({
        ...end.results,
        types: [y.dtype, dy.dtype],
        lengths: [lengthOf(y), lengthOf(dy)],
        lines,
        length,
        inner: sizeOf(y.shape.slice(axis + 1)),
      }),
    ),
    bindings: [bind(y, "read"), bind(dy, "read"), ...end.bindings],
    flops: (4 + end.flops) * lines * length,
    bytes: touched(y) + touched(dy) + end.bytes,
  };
}
