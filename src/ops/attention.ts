import { optionsOf, ShapeError } from "../errors.ts";
import { type DType, type Float, floats, showShape } from "../graph/shape.ts";
import { checkTensor, checkTensors, type Tensor } from "../graph/tensor.ts";
import { add, cast, gt, le, mul, where } from "./arithmetic.ts";
import { matmul } from "./matmul.ts";
import { finite } from "./pointwise.ts";
import { iota } from "./random.ts";
import { max } from "./reduce.ts";
import { softmax } from "./softmax.ts";
import { expand, reshape, transpose } from "./views.ts";

export interface AttentionOptions {
  /**
   * Added to the scores (f32; −∞, or anything from −1e30 down, hides one), or says which of them count (i32, 1 or 0); broadcasts to
   * `[…, L, S]`.
   */
  readonly mask?: Tensor;
  /** Whether position i sees the positions up to i only, counted from the first of both; default false. */
  readonly causal?: boolean;
  /** Factor of the scores; default 1 / √E. */
  readonly scale?: number;
}

/** Score of what may not be seen: e to this power is 0 beside any other. */
const unseen = -1e30;

/** Which keys each query sees, i32 `[…, L, S]` or what broadcasts to it. */
function visible(mask: Tensor | undefined, causal: boolean, corner: readonly [number, number]): Tensor | undefined {
  const said = mask && (floats.includes(mask.dtype) ? gt(mask, unseen) : mask);
  const seen = said && said.shape.length < 2 ? expand(said, [1, corner[1]]) : said;
  if (!causal) return seen;
  const past = le(iota(corner, 1), iota(corner, 0));
  return seen ? where(past, seen, 0) : past;
}

/** Whether any along an axis, −1 or −2, which becomes one of size 1. */
const anyOf = (seen: Tensor, axis: number): Tensor =>
  seen.shape.at(axis) === 1 ? seen : gt(max(cast(seen, "f32"), axis, true), 0);

/**
 * softmax(query · keyᵀ · scale + mask) · value (A. Vaswani et al., 2017).
 * @param query `[…, L, E]`
 * @param key `[…, S, E]`
 * @param value `[…, S, V]`
 * @returns `[…, L, V]`; 0 for queries that see nothing, as PyTorch gives since 2.5. What a masked key, its value or a query that
 * sees nothing hold does not count, NaN and infinities included; nor does what a mask hides in the scores. A key that some query sees
 * is computed with for all.
 */
export function scaledDotProductAttention<D extends DType>(
  query: Tensor<D>,
  key: Tensor,
  value: Tensor,
  options: AttentionOptions = {},
): Tensor<D & Float> {
  const op = "scaledDotProductAttention";
  checkTensors(op, query, key, value);
  const { mask, causal, scale } = optionsOf(op, options, { mask: undefined, causal: false, scale: undefined });
  if (mask !== undefined) checkTensor(op, "mask", mask);
  const size = query.shape.at(-1);
  if (
    query.shape.length < 2 ||
    key.shape.length < 2 ||
    size !== key.shape.at(-1) ||
    key.shape.at(-2) !== value.shape.at(-2)
  ) {
    const shapes = [query, key, value].map((tensor) => showShape(tensor.shape)).join(", ");
    throw new ShapeError(`${op}: ${shapes} are not […, L, E], […, S, E], […, S, V]`);
  }
  const corner = [query.shape.at(-2)!, key.shape.at(-2)!] as const;
  const seen = visible(mask, causal, corner);
  // Only a mask blinds queries; past the last of these, causal attention sees no key.
  const queries = mask && seen && anyOf(seen, -1);
  const keys = seen && (mask || corner[1] > corner[0]) ? anyOf(seen, -2) : undefined;
  const column = keys && reshape(keys, [...keys.shape.slice(0, -2), keys.shape.at(-1)!, 1]);
  const own = (rows: Tensor | undefined, x: Tensor): Tensor => (rows ? where(rows, x, 0) : x);
  let scores = mul(
    matmul(own(queries, query), transpose(own(column, key))),
    finite(op, "scale", scale === undefined ? 1 / Math.sqrt(size!) : scale),
  );
  if (mask && floats.includes(mask.dtype)) scores = add(scores, mask);
  if (seen) scores = where(seen, scores, unseen);
  return own(queries, matmul(softmax(scores), own(column, value))) as Tensor<D & Float>;
}
