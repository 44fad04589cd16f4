import { checkWhole, DTypeError, optionsOf, ShapeError } from "../../errors.ts";
import { type DType, type Float, floats, showShape } from "../../graph/shape.ts";
import { type Attrs, apply, checkTensors, type Op, type Tensor } from "../../graph/tensor.ts";
import { embeddingGradKernels, embeddingKernels } from "../../kernels/embedding.ts";
import { expand, reshape, unsqueeze } from "../moves/views.ts";
import { eq, where } from "../pointwise/arithmetic.ts";
import { zerosLike } from "../sources/constants.ts";

/**
 * Row `attrs.padding` of the table is read like any other, but gets no gradient. `attrs.to` is the result's dtype if rows
 * of an f32 table are rounded to f16; its gradient is f32.
 */
const embeddingOp: Op = {
  name: "embedding",
  infer: ([weight, index], { to = weight!.dtype }) => [{ shape: [index!.shape[0]!, weight!.shape[1]!], dtype: to }],
  bounds: ({ inputs: [weight] }) => [{ input: 1, low: 0, high: weight!.shape[0]! - 1 }],
  vjp: ({ inputs: [weight, index], attrs }, [dy]) => [
    dy && apply(embeddingGradOp, [dy, index!], { ...attrs, rows: weight!.shape[0]!, ...toward(attrs, weight!) }),
  ],
  kernels: embeddingKernels,
};

/** `attrs.to` of the op in the other direction, whose result has the dtype of this one's operand. */
const toward = ({ to }: Attrs, { dtype }: Tensor): Attrs => (to === undefined ? {} : { to: dtype });

/** Adds each row of dy `[positions, size]` to the table row that its index names. */
const embeddingGradOp: Op = {
  name: "embeddingGrad",
  infer: ([dy], { rows, to = dy!.dtype }) => [{ shape: [rows, dy!.shape[1]!], dtype: to }],
  vjp({ inputs: [dy, index], attrs }, [u]) {
    if (!u) return [];
    const { padding } = attrs;
    const rows = apply(embeddingOp, [u, index!], { padding, ...toward(attrs, dy!) });
    if (padding === undefined) return [rows];
    const padded = expand(unsqueeze(eq(index!, padding), -1), rows.shape);
    return [where(padded, zerosLike(rows), rows)];
  },
  kernels: embeddingGradKernels,
};

/**
 * Looks up rows of a table: y[…, :] = weight[indices[…], :]. The gradient adds repeated rows in a fixed order, so it is
 * bitwise reproducible.
 * @param indices i32 of any shape, from 0 to V − 1. Program inputs are checked; computed indices are clamped.
 * @param weight `[V, D]`
 * @param options `paddingIdx`: a row that gets no gradient; default none.
 * @returns `[…, D]`
 */
export function embedding<D extends DType>(
  indices: Tensor,
  weight: Tensor<D>,
  options: { paddingIdx?: number } = {},
): Tensor<D & Float> {
  checkTensors("embedding", indices, weight);
  const { paddingIdx } = optionsOf("embedding", options, { paddingIdx: undefined });
  if (weight.shape.length !== 2)
    throw new ShapeError(`embedding: weight is ${showShape(weight.shape)}, expected [V, D]`);
  if (indices.dtype !== "i32") throw new DTypeError(`embedding: the indices are ${indices.dtype}, expected i32`);
  if (!floats.includes(weight.dtype)) throw new DTypeError(`embedding: weight is ${weight.dtype}, expected f32 or f16`);
  const [rows, size] = weight.shape as [number, number];
  if (paddingIdx !== undefined) checkWhole("embedding", "paddingIdx", paddingIdx, 0, rows - 1);
  const attrs = paddingIdx === undefined ? {} : { padding: paddingIdx };
  return reshape(apply(embeddingOp, [weight, reshape(indices, [-1])], attrs), [...indices.shape, size]);
}
