import { checkList, DTypeError } from "../errors.ts";
import { apply, type Op, type Spec, type Tensor } from "../graph/tensor.ts";
import { totalKernels } from "../kernels/squaredNorm.ts";
import { mul } from "./arithmetic.ts";

function inferTotal(op: string, inputs: readonly Spec[]) {
  const other = inputs.find(({ dtype }) => dtype !== "f32");
  if (other) throw new DTypeError(`${op}: a tensor is ${other.dtype}, expected f32`);
  return [{ shape: [], dtype: "f32" }] as const;
}

const squaredNormOp: Op = {
  name: "squaredNorm",
  infer: (inputs) => inferTotal("squaredNorm", inputs),
  vjp: ({ inputs }, [dy]) => inputs.map((x) => dy && mul(mul(x, 2), dy)),
  kernels: /* @__PURE__ */ totalKernels("square"),
  describe: ({ inputs }) => `×${inputs.length}`,
};

/**
 * Σ x² over all elements of all tensors: the square of their 2-norm as one vector. Gradients lie side by side in memory, and
 * are then read by one dispatch. Sums follow a fixed tree, so they repeat to the bit.
 * @param tensors f32, of any shapes; at least one.
 * @returns `[]`
 */
export const squaredNorm = (tensors: readonly Tensor[]): Tensor<"f32"> =>
  apply(squaredNormOp, checkList("squaredNorm", "the list of tensors", tensors));

/** Numbers of NaN and infinite elements, by the same kernels. */
const nonFiniteOp: Op = {
  name: "nonFinite",
  infer: (inputs) => inferTotal("nonFinite", inputs),
  kernels: /* @__PURE__ */ totalKernels("nonFinite"),
  describe: squaredNormOp.describe!,
};

/** How many elements of all tensors are NaN or infinite, f32 `[]`. @param tensors f32, of any shapes; at least one. */
export const nonFinite = (tensors: readonly Tensor[]): Tensor => apply(nonFiniteOp, tensors);
