import { ShapeError } from "../errors.ts";
import { showShape } from "../graph/shape.ts";
import type { Tensor } from "../graph/tensor.ts";
import { eq, where } from "./arithmetic.ts";
import { indexSelect } from "./gather.ts";
import { detach, reshape, unsqueeze } from "./views.ts";

/**
 * Rows of a table: y[…, :] = weight[indices[…], :].
 * @param indices i32 of any shape, from 0 to V − 1.
 * @param weight `[V, D]`
 * @param options `paddingIdx`: a row that is read as usual but gets no gradient; default none.
 * @returns `[…, D]`
 */
export function embedding(indices: Tensor, weight: Tensor, { paddingIdx }: { paddingIdx?: number } = {}): Tensor {
  if (weight.shape.length !== 2)
    throw new ShapeError(`embedding: weight is ${showShape(weight.shape)}, expected [V, D]`);
  const rows = reshape(indexSelect(weight, 0, reshape(indices, [-1])), [...indices.shape, weight.shape[1]!]);
  return paddingIdx === undefined ? rows : where(unsqueeze(eq(indices, paddingIdx), -1), detach(rows), rows);
}
