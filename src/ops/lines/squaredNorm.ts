import { checkList, DTypeError } from "../../errors.ts";
import { apply, type Op, type Spec, type Tensor } from "../../graph/tensor.ts";
import { totalKernels } from "../../kernels/squaredNorm.ts";
import { mul } from "../pointwise/arithmetic.ts";

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
 * Σ x² over all elements of all tensors: the squared 2-norm of their concatenation. Gradients are neighbours in memory,
 * so one dispatch reads them all. Sums follow a fixed tree, so results are bitwise reproducible.
 * @param tensors f32, of any shapes; at least one.
 * @returns `[]`
 */
export const squaredNorm = (tensors: readonly Tensor[]): Tensor<"f32"> =>
  apply(squaredNormOp, checkList("squaredNorm", "the list of tensors", tensors));

/** Counts NaN and infinite elements with the same kernels. */
const nonFiniteOp: Op = {
  name: "nonFinite",
  infer: (inputs) => inferTotal("nonFinite", inputs),
  kernels: /* @__PURE__ */ totalKernels("nonFinite"),
  describe: squaredNormOp.describe!,
};

/**
 * The number of NaN and infinite elements of all tensors, f32 `[]`. @param tensors f32, of any shapes; at least one.
 */
export const nonFinite = (tensors: readonly Tensor[]): Tensor => apply(nonFiniteOp, tensors);
