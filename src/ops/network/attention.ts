import { optionsOf, ShapeError } from "../../errors.ts";
import { type DType, type Float, floats, showShape } from "../../graph/shape.ts";
import { type Attrs, applyAll, checkTensor, checkTensors, type Op, type Tensor } from "../../graph/tensor.ts";
import {
  type AttentionAttrs,
  type AttentionGradAttrs,
  attentionGradKernels,
  attentionKernels,
  gradInputs,
} from "../../kernels/attention.ts";
import { max, sum } from "../lines/reduce.ts";
import { softmax } from "../lines/softmax.ts";
import { expand, reshape, transpose } from "../moves/views.ts";
import { add, cast, gt, le, mul, sub, where } from "../pointwise/arithmetic.ts";
import { exp, log } from "../pointwise/elementary.ts";
import { finite } from "../pointwise/pointwise.ts";
import { pullbackOf } from "../pullback.ts";
import { iota } from "../sources/random.ts";
import { matmul } from "./matmul.ts";

/** What attention may attend to. */
export interface AttentionOptions {
  /**
   * Either f32 `[…, L, S]`, added to the scores (−∞, or anything from −1e30 down, masks a key), or i32, 1 for keys to
   * attend to and 0 for masked ones. Broadcasts. Default none.
   */
  readonly mask?: Tensor;
  /** Whether query i attends only to keys up to i, both counted from 0; default false. */
  readonly causal?: boolean;
  /** Factor of the scores; default 1 / √E. */
  readonly scale?: number;
}

/** The score of a masked key: its exponential is 0 next to any other. */
const unseen = -1e30;

/** The keys that each query attends to, i32, broadcastable to `[…, L, S]`. */
function visible(mask: Tensor | undefined, causal: boolean, corner: readonly [number, number]): Tensor | undefined {
  const said = mask && (floats.includes(mask.dtype) ? gt(mask, unseen) : mask);
  const seen = said && said.shape.length < 2 ? expand(said, [1, corner[1]]) : said;
  if (!causal) return seen;
  const past = le(iota(corner, 1), iota(corner, 0));
  return seen ? where(past, seen, 0) : past;
}

/** Whether any element along an axis (−1 or −2) is not 0; keeps the axis with size 1. */
const anyOf = (seen: Tensor, axis: number): Tensor =>
  seen.shape.at(axis) === 1 ? seen : gt(max(cast(seen, "f32"), axis, true), 0);

/** What attention computes before it reads values. */
interface Weighing {
  readonly scores: Tensor;
  /** Softmax of the scores. */
  readonly weights: Tensor;
  /** Masks queries that have no key, `[…, L, 1]`; `undefined` if each has one. */
  readonly queries: Tensor | undefined;
  /** Masks values that no query takes, `[…, S, 1]`; `undefined` if none is masked. */
  readonly column: Tensor | undefined;
}

const own = (rows: Tensor | undefined, x: Tensor): Tensor => (rows ? where(rows, x, 0) : x);

/** The weights of keys, for shapes that fit. */
function weigh(op: string, query: Tensor, key: Tensor, options: AttentionOptions): Weighing {
  const { mask, causal, scale } = optionsOf(op, options, { mask: undefined, causal: false, scale: undefined });
  if (mask !== undefined) checkTensor(op, "mask", mask);
  const corner = [query.shape.at(-2)!, key.shape.at(-2)!] as const;
  if (mask?.shape.slice(-2).some((n, i, { length }) => n !== 1 && n !== corner[i + 2 - length]))
    throw new ShapeError(`${op}: mask is ${showShape(mask.shape)}, expected […, ${corner.join(", ")}]`);
  const seen = visible(mask, causal, corner);
  // Only a mask can leave a query without keys. With causal attention, keys past the last query are unused.
  const queries = mask && seen && anyOf(seen, -1);
  const keys = seen && (mask || corner[1] > corner[0]) ? anyOf(seen, -2) : undefined;
  const column = keys && reshape(keys, [...keys.shape.slice(0, -2), keys.shape.at(-1)!, 1]);
  let scores = mul(
    matmul(own(queries, query), transpose(own(column, key))),
    finite(op, "scale", scale === undefined ? 1 / Math.sqrt(query.shape.at(-1)!) : scale),
  );
  if (mask && floats.includes(mask.dtype)) scores = add(scores, mask);
  if (seen) scores = where(seen, scores, unseen);
  return { scores, weights: softmax(scores), queries, column };
}

/** The operands of attention, and what it may attend to. */
interface Operands {
  readonly query: Tensor;
  readonly key: Tensor;
  readonly value: Tensor;
  readonly options: AttentionOptions;
}

const operandsOf = ([query, key, value, mask]: readonly Tensor[], attrs: Attrs): Operands => {
  const { causal, scale } = attrs as AttentionAttrs;
  return { query: query!, key: key!, value: value!, options: { causal, scale, ...(mask && { mask }) } };
};

/** Attention as products and a softmax. */
function attend(op: string, { query, key, value, options }: Operands) {
  const { scores, weights, queries, column } = weigh(op, query, key, options);
  return { scores, y: own(queries, matmul(weights, own(column, value))) };
}

/** log Σ eˣ along the last axis, which stays with size 1. */
function logSumExp(x: Tensor): Tensor {
  const wide = cast(x, "f32");
  const top = max(wide, -1, true);
  return add(top, log(sum(exp(sub(wide, top)), -1, true)));
}

/**
 * Inputs: queries `[…, L, E]`, keys `[…, S, E]` and values `[…, S, V]` of equal batch axes and dtype, and optionally a
 * mask that broadcasts to `[…, L, S]`. Results: `[…, L, V]`, and log Σ e^score `[…, L, 1]` in f32, from which a gradient
 * computes weights again: nothing is as large as the scores.
 */
const attentionOp: Op = {
  name: "attention",
  infer([query, , value]) {
    const { shape, dtype } = query!;
    const rows = shape.slice(0, -1);
    return [
      { shape: [...rows, value!.shape.at(-1)!], dtype },
      { shape: [...rows, 1], dtype: "f32" },
    ];
  },
  vjp({ inputs, results: [y, lse], attrs }, [dy]) {
    if (!dy) return [];
    const mask = inputs[3];
    const gradients = applyAll(gradOp, [...inputs, y!, lse!, dy], { ...attrs, masked: mask !== undefined });
    if (!mask || !floats.includes(mask.dtype)) return gradients;
    // The gradient of what is added to the scores is as large as the scores.
    const composed = attend("attention", operandsOf(inputs, attrs));
    return [...gradients, pullbackOf(inputs, [composed.y], [dy])[3]];
  },
  compose(inputs, attrs) {
    const { y, scores } = attend("attention", operandsOf(inputs, attrs));
    return [y, logSumExp(scores)];
  },
  kernels: attentionKernels,
};

/**
 * The gradients of queries, keys and values, from the results of attention and the gradient of the first. Its own gradient is
 * that of the ops that it is composed of.
 */
const gradOp: Op = {
  name: "attentionGrad",
  infer: (inputs) => inputs.slice(0, 3),
  vjp: ({ inputs, attrs }, gradients) => pullbackOf(inputs, gradOp.compose!(inputs, attrs), gradients),
  compose(inputs, attrs) {
    const { operands, dy } = gradInputs(inputs, attrs as AttentionGradAttrs);
    const { y } = attend("attention", operandsOf(operands, attrs));
    return pullbackOf(operands, [y], [dy]).slice(0, 3) as Tensor[];
  },
  kernels: attentionGradKernels,
};

/**
 * softmax(query · keyᵀ · scale + mask) · value (A. Vaswani et al., 2017).
 * @param query `[…, L, E]`
 * @param key `[…, S, E]`
 * @param value `[…, S, V]`
 * @returns `[…, L, V]`; 0 for queries whose keys are all masked, as in PyTorch since 2.5. Masked keys, their values and
 * such queries have no effect, even if they hold NaN or infinity; nor do masked scores. A key counts as masked only if
 * it is masked for every query. {@link attentionWeights} gives the factors of the values.
 */
export function scaledDotProductAttention<D extends DType>(
  query: Tensor<D>,
  key: Tensor,
  value: Tensor,
  options: AttentionOptions = {},
): Tensor<D & Float> {
  const op = "scaledDotProductAttention";
  checkTensors(op, query, key, value);
  const size = query.shape.at(-1);
  if (
    query.shape.length < 2 ||
    key.shape.length < 2 ||
    size !== key.shape.at(-1) ||
    key.shape.at(-2) !== value.shape.at(-2)
  ) {
    const [q, k, v] = [query, key, value].map((tensor) => showShape(tensor.shape));
    throw new ShapeError(
      `${op}: query, key and value are ${q}, ${k} and ${v}, expected […, L, E], […, S, E] and […, S, V]`,
    );
  }
  // The ops that it is composed of check the rest.
  const { shape } = attend(op, { query, key, value, options }).y;
  const { mask, causal = false, scale = 1 / Math.sqrt(size!) } = options;
  const whole = [query, key, value].map((x) => expand(x, [...shape.slice(0, -2), ...x.shape.slice(-2)]));
  const attrs: AttentionAttrs = { causal, scale };
  return applyAll(attentionOp, [...whole, ...(mask ? [mask] : [])], { ...attrs })[0] as Tensor<D & Float>;
}

/**
 * Who looks at whom: softmax(query · keyᵀ · scale + mask), the factors that {@link scaledDotProductAttention} takes of the
 * values.
 * @param query `[…, L, E]`
 * @param key `[…, S, E]`
 * @param options as for {@link scaledDotProductAttention}.
 * @returns `[…, L, S]`. Each row adds up to 1, with 0 for masked keys; rows of queries whose keys are all masked are 0.
 */
export function attentionWeights<D extends DType>(
  query: Tensor<D>,
  key: Tensor,
  options: AttentionOptions = {},
): Tensor<D & Float> {
  const op = "attentionWeights";
  checkTensors(op, query, key);
  if (query.shape.length < 2 || key.shape.length < 2 || query.shape.at(-1) !== key.shape.at(-1)) {
    const [q, k] = [query, key].map((tensor) => showShape(tensor.shape));
    throw new ShapeError(`${op}: query and key are ${q} and ${k}, expected […, L, E] and […, S, E]`);
  }
  const { weights, queries } = weigh(op, query, key, options);
  return own(queries, weights) as Tensor<D & Float>;
}
