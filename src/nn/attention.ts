import { AttributeError, checkChoice, checkNumber, checkWhole, counted, optionsOf, ShapeError } from "../errors.ts";
import { showShape } from "../graph/shape.ts";
import { checkTensor, checkTensors, type Tensor } from "../graph/tensor.ts";
import { permute, reshape, slice, unsqueeze } from "../ops/moves/views.ts";
import { type AttentionOptions, attentionWeights, scaledDotProductAttention } from "../ops/network/attention.ts";
import { linear as linearOp } from "../ops/network/matmul.ts";
import { gelu, relu } from "../ops/pointwise/activations.ts";
import { add } from "../ops/pointwise/arithmetic.ts";
import { variable } from "../ops/sources/constants.ts";
import { constant, type Initializer, xavierUniform } from "./init.ts";
import { dropout as dropoutLayer, linear } from "./layers.ts";
import { checkMode, layer, type Mode, type Module } from "./module.ts";
import { layerNorm } from "./normalization.ts";

/** Options of a call to an attention layer. */
export interface Attending extends Pick<AttentionOptions, "mask" | "causal"> {
  /** `[N, S, size]`, the source of keys and values; default the input itself. */
  readonly memory?: Tensor;
}

/** Options of `multiheadAttention`. */
export interface MultiheadOptions {
  /** Whether projections have biases; default true. */
  readonly bias?: boolean;
}

/** What a layer takes when it is called, not when it is made. */
const ofTheCall: ReadonlyMap<string, string> = /* @__PURE__ */ new Map([
  ["mask", "it goes into the call, as layer(x, mode, { mask })"],
  ["causal", "it goes into the call, as layer(x, mode, { causal: true })"],
  ["memory", "it goes into the call, as layer(x, mode, { memory })"],
]);

function checkHeads(op: string, size: number, heads: number): void {
  if (checkWhole(op, "size", size) % checkWhole(op, "heads", heads) !== 0)
    throw new AttributeError(`${op}: cannot divide size ${size} into ${counted(heads, "head")}`);
}

/** Attention that may use a memory other than its input. */
export interface Multihead extends Module {
  (x: Tensor, mode?: Mode, attending?: Attending): Tensor<"f32">;
  /**
   * Who looks at whom, when the layer is called with the same arguments: `[N, heads, L, S]`. Each row adds up to 1, or is 0
   * where a mask hides all keys.
   */
  attentionWeights(x: Tensor, mode?: Mode, attending?: Attending): Tensor<"f32">;
}

/**
 * Multi-head attention (Vaswani et al., 2017), batch first: `[N, L, size]` → `[N, L, size]`. Variables `in_proj_weight`
 * `[3 · size, size]` (rows for queries, keys, values), `in_proj_bias`, `out_proj.weight`, `out_proj.bias`, initialised
 * as in PyTorch.
 *
 * Call it as `attention(x, mode, { mask, causal, memory })`. A mask `[L, S]` applies to all samples and heads, `[N, L,
 * S]` to the heads of a sample, `[N, heads, L, S]` to each head. An f32 mask is added to the scores; an i32 mask keeps
 * scores where it is 1. A mask hides keys and values, not queries, and the projections read all of x and memory, so
 * fill padded positions with finite numbers, such as 0. `attention.attentionWeights`, called in the same way, shows where
 * it looks.
 * @param heads a divisor of `size`; each head uses size / heads adjacent columns.
 */
export function multiheadAttention(size: number, heads: number, options: MultiheadOptions = {}): Multihead {
  const { bias } = optionsOf("nn.multiheadAttention", options, { bias: true }, ofTheCall);
  checkHeads("nn.multiheadAttention", size, heads);
  const made = (name: string, init: Initializer, shape: readonly number[]) => variable(init(shape), shape, { name });
  const inWeight = made("in_proj_weight", xavierUniform(), [3 * size, size]);
  const inBias = bias ? made("in_proj_bias", constant(0), [3 * size]) : undefined;
  const out = linear(size, size, { bias, biasInit: constant(0) });

  /** Projections `first` to `first + count`: `[N, T, count · size]`. */
  const project = (x: Tensor, first: number, count: number): Tensor<"f32"> => {
    const rows = [first * size, (first + count) * size] as const;
    return linearOp(x, slice(inWeight, [rows]), inBias && slice(inBias, [rows]));
  };
  /** `[N, T, count · size]` as `count` tensors `[N, heads, T, size / heads]`. */
  const parted = (x: Tensor<"f32">, count: number): Tensor<"f32">[] => {
    const [batch, length] = x.shape as [number, number];
    const split = permute(reshape(x, [batch, length, count, heads, size / heads]), [2, 0, 3, 1, 4]);
    return Array.from({ length: count }, (_, i) =>
      reshape(slice(split, [[i, i + 1]]), [batch, heads, length, size / heads]),
    );
  };
  /** Queries, keys and values of a call by heads, and its mask, after checks. */
  const prepare = (x: Tensor, mode: Mode, attending: Attending) => {
    checkMode("nn.multiheadAttention", mode);
    const { mask, causal, memory } = optionsOf("nn.multiheadAttention", attending, {
      mask: undefined,
      causal: false,
      memory: undefined,
    });
    for (const tensor of memory === undefined ? [x] : [x, memory]) {
      checkTensors("nn.multiheadAttention", tensor);
      if (tensor.shape.length !== 3 || tensor.shape[2] !== size)
        throw new ShapeError(
          `nn.multiheadAttention: ${tensor === x ? "input" : "memory"} is ${showShape(tensor.shape)}, expected [N, L, ${size}]`,
        );
    }
    const [query, key, value] = memory
      ? [...parted(project(x, 0, 1), 1), ...parted(project(memory, 1, 2), 2)]
      : parted(project(x, 0, 3), 3);
    if (mask !== undefined) checkTensor("nn.multiheadAttention", "mask", mask);
    const perHead = mask?.shape.length === 3 ? unsqueeze(mask, 1) : mask;
    return { query: query!, key: key!, value: value!, options: { causal, ...(perHead && { mask: perHead }) } };
  };
  const forward = (x: Tensor, mode: Mode = {}, attending: Attending = {}) => {
    const { query, key, value, options } = prepare(x, mode, attending);
    const attended = scaledDotProductAttention(query, key, value, options);
    return out(reshape(permute(attended, [0, 2, 1, 3]), x.shape), mode);
  };
  const look = (x: Tensor, mode: Mode = {}, attending: Attending = {}) => {
    const { query, key, options } = prepare(x, mode, attending);
    return attentionWeights(query, key, options);
  };
  const parts = { in_proj_weight: inWeight, ...(inBias && { in_proj_bias: inBias }), out_proj: out };
  const own = layer(forward, parts, "nn.multiheadAttention", [size, heads, { bias }]);
  return Object.assign(own, { attentionWeights: layer(look, parts) });
}

/** Options of `transformerEncoderLayer`, with PyTorch's defaults. */
export interface EncoderLayerOptions {
  /** Width of the inner layer; default 2048, as in PyTorch. */
  readonly feedforward?: number;
  /**
   * Probability of dropping elements after attention, the inner layer and the outer layer; default 0.1. Attention
   * weights are not dropped.
   */
  readonly dropout?: number;
  /** Between the two linear layers; default "relu". */
  readonly activation?: "relu" | "gelu";
  /**
   * Whether to normalise before attention and the linear layers ("pre-norm") or after each sum; default false, as in
   * PyTorch.
   */
  readonly normFirst?: boolean;
  /** Added to variances in the layer normalisations; default 1e-5. */
  readonly eps?: number;
}

/**
 * A transformer encoder layer: h = norm1(x + attention(x)), y = norm2(h + linear2(activation(linear1(h)))) (Vaswani et
 * al., 2017); with `normFirst` h = x + attention(norm1(x)), y = h + linear2(activation(linear1(norm2(h)))) (Xiong et
 * al., 2020). `[N, L, size]` → `[N, L, size]`. Variables `self_attn.…`, `linear1.…`, `linear2.…`, `norm1.…`, `norm2.…`.
 * Call it as `block(x, mode, { mask, causal })`; `block.attentionWeights` shows where it looks then.
 */
export function transformerEncoderLayer(size: number, heads: number, options: EncoderLayerOptions = {}): Multihead {
  const op = "nn.transformerEncoderLayer";
  const defaults = { feedforward: 2048, dropout: 0.1, activation: "relu", normFirst: false, eps: 1e-5 } as const;
  const { feedforward, dropout, activation, normFirst, eps } = optionsOf(op, options, defaults, ofTheCall);
  checkChoice(op, "activation", activation, ["relu", "gelu"]);
  checkWhole(op, "feedforward", feedforward);
  checkHeads(op, size, heads);
  checkNumber(op, "dropout", dropout, "a probability from 0 to 1", (n) => n >= 0 && n <= 1);
  checkNumber(op, "eps", eps, "a number from 0", (n) => n >= 0);
  const layers = {
    self_attn: multiheadAttention(size, heads),
    linear1: linear(size, feedforward),
    linear2: linear(feedforward, size),
    norm1: layerNorm(size, { eps }),
    norm2: layerNorm(size, { eps }),
  };
  const [afterAttention, afterActivation, afterInner] = [
    dropoutLayer(dropout),
    dropoutLayer(dropout),
    dropoutLayer(dropout),
  ];
  const bend = activation === "gelu" ? gelu : relu;
  const inner = (x: Tensor<"f32">, mode: Mode) => {
    const hidden = afterActivation(bend(layers.linear1(x, mode)), mode);
    return afterInner(layers.linear2(hidden, mode), mode);
  };
  const call = (x: Tensor, mode: Mode = {}, attending: Attending = {}) => {
    checkTensors(op, x);
    checkMode(op, mode);
    const attend = (y: Tensor) => afterAttention(layers.self_attn(y, mode, attending), mode);
    if (normFirst) {
      const h = add(x, attend(layers.norm1(x)));
      return add(h, inner(layers.norm2(h), mode));
    }
    const h = layers.norm1(add(x, attend(x)));
    return layers.norm2(add(h, inner(h, mode)));
  };
  const all = { feedforward, dropout, activation, normFirst, eps };
  const look = (x: Tensor, mode: Mode = {}, attending: Attending = {}) => {
    checkTensors(op, x);
    checkMode(op, mode);
    return layers.self_attn.attentionWeights(normFirst ? layers.norm1(x) : x, mode, attending);
  };
  return Object.assign(layer(call, layers, op, [size, heads, all]), { attentionWeights: layer(look, layers) });
}
