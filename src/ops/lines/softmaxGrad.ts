import { apply, type Op, type Tensor } from "../../graph/tensor.ts";
import { softmaxGradKernels } from "../../kernels/softmaxGrad.ts";
import { expand } from "../moves/views.ts";
import { mul, sub } from "../pointwise/arithmetic.ts";
import { sum } from "./reduce.ts";

const softmaxGradOp: Op = {
  name: "softmaxGrad",
  describe: ({ attrs: { axis } }) => `{axis: ${axis}}`,
  infer: ([y]) => [{ shape: y!.shape, dtype: y!.dtype }],
  vjp({ inputs: [y, dy], attrs: { axis } }, [u]) {
    if (!u) return [];
    const total = (weights: Tensor) => expand(sum(mul(weights, y!), axis, true), y!.shape);
    return [sub(mul(u, sub(dy!, total(dy!))), mul(dy!, total(u))), softmaxGrad(y!, u, axis)];
  },
  kernels: softmaxGradKernels,
};

/** y · (dy − Σ y · dy) along an axis: the gradient of softmax from its result, in one kernel. */
export const softmaxGrad = (y: Tensor, dy: Tensor, axis: number): Tensor => apply(softmaxGradOp, [y, dy], { axis });
