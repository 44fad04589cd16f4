import { DTypeError } from "../../errors.ts";
import { applyAll, type Op, type Tensor } from "../../graph/tensor.ts";
import { castAllKernels } from "../../kernels/castAll.ts";
import { cast } from "./arithmetic.ts";

/**
 * Casts several tensors to f16. Tensors in one buffer, such as parameters, are cast by one dispatch; their results are
 * also neighbours.
 */
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

/** The same values in f16. @param tensors f32, of any shapes. */
export const castAll = (tensors: readonly Tensor[]): readonly Tensor[] =>
  tensors.length === 0 ? [] : applyAll(castAllOp, tensors);
