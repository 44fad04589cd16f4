import { DTypeError } from "../errors.ts";
import { applyAll, type Op, type Tensor } from "../graph/tensor.ts";
import { castAllKernels } from "../kernels/castAll.ts";
import { cast } from "./arithmetic.ts";

/** Casts to f16 of tensors that lie in one buffer, as parameters do, are one dispatch; the results are neighbours too. */
const castAllOp: Op = {
  name: "castAll",
  infer(inputs) {
    const other = inputs.find(({ dtype }) => dtype !== "f32");
    if (other) throw new DTypeError(`castAll: a tensor is ${other.dtype}, expected f32`);
    return inputs.map(({ shape }) => ({ shape, dtype: "f16" }));
  },
  vjp: (_, grads) => grads.map((dy) => dy && cast(dy, "f32")),
  kernels: castAllKernels,
  describe: ({ inputs }) => `×${inputs.length}`,
};

/** The same values as f16. @param tensors f32, of any shapes. */
export const castAll = (tensors: readonly Tensor[]): readonly Tensor[] =>
  tensors.length === 0 ? [] : applyAll(castAllOp, tensors);
