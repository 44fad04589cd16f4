import { ShapeError } from "../errors.ts";
import { type DType, type Float, floats, showShape } from "../graph/shape.ts";
import type { Tensor } from "../graph/tensor.ts";
import { add, le, maximum, mul, where } from "./arithmetic.ts";
import { matmul } from "./matmul.ts";
import { finite } from "./pointwise.ts";
import { iota } from "./random.ts";
import { softmax } from "./softmax.ts";
import { transpose } from "./views.ts";

export interface AttentionOptions {
  /** Added to the scores (f32), or says which of them count (i32, 1 or 0); broadcasts to `[…, L, S]`. */
  readonly mask?: Tensor;
  /** Whether position i sees the positions up to i only, counted from the first of both; default false. */
  readonly causal?: boolean;
  /** Factor of the scores; default 1 / √E. */
  readonly scale?: number;
}

/** Score of what may not be seen: e to this power is 0 beside any other. A position that sees nothing attends to all alike. */
const unseen = -1e30;

/** Masks of −∞ as well: a line of nothing else would otherwise be no number. f16 has no room for such a bound. */
const bounded = (mask: Tensor): Tensor => (mask.dtype === "f32" ? maximum(mask, unseen) : mask);

/**
 * softmax(query · keyᵀ · scale + mask) · value (A. Vaswani et al., 2017).
 * @param query `[…, L, E]`
 * @param key `[…, S, E]`
 * @param value `[…, S, V]`
 * @returns `[…, L, V]`
 */
export function scaledDotProductAttention<D extends DType>(
  query: Tensor<D>,
  key: Tensor,
  value: Tensor,
  { mask, causal = false, scale }: AttentionOptions = {},
): Tensor<D & Float> {
  const size = query.shape.at(-1);
  if (
    query.shape.length < 2 ||
    key.shape.length < 2 ||
    size !== key.shape.at(-1) ||
    key.shape.at(-2) !== value.shape.at(-2)
  ) {
    const shapes = [query, key, value].map((tensor) => showShape(tensor.shape)).join(", ");
    throw new ShapeError(`scaledDotProductAttention: ${shapes} are not […, L, E], […, S, E], […, S, V]`);
  }
  let scores = mul(
    matmul(query, transpose(key)),
    finite("scaledDotProductAttention", "scale", scale ?? 1 / Math.sqrt(size!)),
  );
  if (mask) scores = floats.includes(mask.dtype) ? add(scores, bounded(mask)) : where(mask, scores, unseen);
  if (causal) {
    const corner = scores.shape.slice(-2);
    scores = where(le(iota(corner, 1), iota(corner, 0)), scores, unseen);
  }
  return matmul(softmax(scores), value);
}
