import type { Tensor } from "../../src/graph/tensor.ts";
import * as losses from "../../src/losses/index.ts";
import * as nn from "../../src/nn/index.ts";
import * as ops from "../../src/ops/index.ts";
import type { GoldenCase } from "./cases.ts";

/*
 * The only place that maps the names of the reference cases to the library.
 */

/** A case as tensors: arguments by role, attributes, and the values fed to integer arguments. */
export interface Call {
  /** The argument with this role; throws if it is missing. */
  arg(role: string): Tensor;
  /** The argument with this role, if there is one. */
  optional(role: string): Tensor | undefined;
  /** An argument that may be a plain number in the attributes. */
  operand(role: string): Tensor | number;
  readonly args: readonly Tensor[];
  readonly attrs: GoldenCase["attrs"];
  /** Whether the values fed to an argument contain a number, which users know about their own labels. */
  holds(role: string, value: number): boolean;
}

/** One tensor has the role `output`; several have the roles `output.NAME`, except one named `output`. */
type Result = Tensor | Readonly<Record<string, Tensor>>;

const unary =
  (op: (x: Tensor) => Tensor) =>
  ({ arg }: Call) =>
    op(arg("input"));

const binary =
  (op: (a: ops.Operand, b: ops.Operand) => Tensor) =>
  ({ operand }: Call) =>
    op(operand("input"), operand("other"));

const reduction =
  (op: (x: Tensor, axes: ops.Axes, keepdim: boolean) => Tensor) =>
  ({ arg, attrs: { dim, keepdim } }: Call) =>
    op(arg("input"), dim ?? undefined, keepdim);

const picking =
  (op: (x: Tensor, axis: number, keepdim: boolean) => { values: Tensor; indices: Tensor }) =>
  ({ arg, attrs: { dim, keepdim } }: Call): Result => {
    const { values, indices } = op(arg("input"), dim, keepdim);
    return { values, indices };
  };

const arg =
  (op: (x: Tensor, axis: number | undefined, keepdim: boolean) => Tensor) =>
  ({ arg, attrs: { dim, keepdim } }: Call) =>
    op(arg("input"), dim ?? undefined, keepdim);

/** The only number of a one-element list. */
const single = ([value]: readonly number[]): number => value!;

const swap = (x: Tensor, yes: boolean): Tensor => (yes ? ops.transpose(x) : x);

/** Arguments of a loss between two tensors of the same kind. */
const loss =
  (op: (input: Tensor, target: Tensor, options: losses.LossOptions) => Tensor) =>
  ({ arg, attrs }: Call) =>
    op(arg("input"), arg("target"), attrs);

const weightOf = ({ optional }: Call) => {
  const weight = optional("weight");
  return weight ? { weight } : {};
};

/** `ignoreIndex` only if a label is ignored, as a user would write it. */
const classOptions = (call: Call) => ({
  ...weightOf(call),
  ...(call.holds("target", call.attrs.ignore_index) && { ignoreIndex: call.attrs.ignore_index as number }),
  reduction: call.attrs.reduction,
});

const affineOf = (call: Call) => {
  const bias = call.optional("bias");
  return { ...weightOf(call), ...(bias && { bias }) };
};

function batchNorm(call: Call): Result {
  const { training, momentum, eps } = call.attrs;
  const x = call.arg("input");
  const [mean, variance] = [call.optional("running_mean"), call.optional("running_var")];
  const running = mean && variance && { mean, variance };
  const output = ops.batchNorm(x, { ...affineOf(call), training, momentum, eps, running });
  if (!training || !running) return output;
  const next = ops.nextStatistics(x, running, momentum);
  return { output, running_mean: next.mean, running_var: next.variance };
}

/** PyTorch lists paddings from the last axis: begin, end, begin, end, … */
function pad({ arg, attrs: { pad, mode, value } }: Call): Tensor {
  const x = arg("input");
  const at = (axis: number, side: number): number => pad[2 * (x.shape.length - 1 - axis) + side] ?? 0;
  const low = x.shape.map((_, axis) => at(axis, 0));
  const high = x.shape.map((_, axis) => at(axis, 1));
  return mode === "constant" ? ops.pad(x, { low, high, value: value ?? 0 }) : ops.padWith(mode, x, low, high);
}

/** Weights by layer and direction, and first states, with PyTorch's names. */
const recurrent =
  (op: (x: Tensor, weights: readonly ops.RecurrentWeights[], options: ops.LstmOptions) => ops.RecurrentResult) =>
  ({ arg, optional, attrs: { num_layers: layers, bidirectional, batch_first: batchFirst } }: Call): Result => {
    const suffixes = Array.from({ length: layers }, (_, l) => [`_l${l}`, ...(bidirectional ? [`_l${l}_reverse`] : [])]);
    const weights = suffixes.flat().map((suffix): ops.RecurrentWeights => {
      const [biasIh, biasHh] = [optional(`bias_ih${suffix}`), optional(`bias_hh${suffix}`)];
      const matrices = { weightIh: arg(`weight_ih${suffix}`), weightHh: arg(`weight_hh${suffix}`) };
      return { ...matrices, ...(biasIh && { biasIh }), ...(biasHh && { biasHh }) };
    });
    const [h0, c0] = [optional("h_0"), optional("c_0")];
    const options = { bidirectional, batchFirst, ...(h0 && { h0 }), ...(c0 && { c0 }) };
    const { output, hN, cN } = op(arg("input"), weights, options) as ops.LstmResult;
    return { output, h_n: hN, ...(cN && { c_n: cN }) };
  };

export const goldenOps: Readonly<Record<string, (call: Call) => Result>> = {
  matmul: ({ arg, attrs }) =>
    ops.matmul(swap(arg("input"), attrs.transpose_input), swap(arg("other"), attrs.transpose_other)),
  linear: ({ arg, optional }) => ops.linear(arg("input"), arg("weight"), optional("bias")),

  relu: unary(ops.relu),
  sigmoid: unary(ops.sigmoid),
  tanh: unary(ops.tanh),
  silu: unary(ops.silu),
  selu: unary(ops.selu),
  hardswish: unary(ops.hardswish),
  mish: unary(ops.mish),
  leaky_relu: ({ arg, attrs }) => ops.leakyRelu(arg("input"), attrs.negative_slope),
  elu: ({ arg, attrs }) => ops.elu(arg("input"), attrs.alpha),
  gelu: ({ arg, attrs }) => ops.gelu(arg("input"), attrs.approximate),
  softplus: ({ arg, attrs }) => ops.softplus(arg("input"), attrs),
  maxout: ({ arg, attrs }) => ops.maxout(arg("input"), attrs.num_pieces),

  softmax: ({ arg, attrs }) => ops.softmax(arg("input"), attrs.dim),
  log_softmax: ({ arg, attrs }) => ops.logSoftmax(arg("input"), attrs.dim),

  sum: reduction(ops.sum),
  mean: reduction(ops.mean),
  prod: reduction(ops.prod),
  amax: reduction(ops.max),
  amin: reduction(ops.min),
  any: reduction(ops.any),
  all: reduction(ops.all),
  logsumexp: reduction(ops.logsumexp),
  max: picking(ops.maxWithIndex),
  min: picking(ops.minWithIndex),
  argmax: arg(ops.argmax),
  argmin: arg(ops.argmin),
  var: ({ arg, attrs: { dim, ...rest } }) => ops.variance(arg("input"), dim ?? undefined, rest),
  std: ({ arg, attrs: { dim, ...rest } }) => ops.std(arg("input"), dim ?? undefined, rest),
  norm: ({ arg, attrs: { dim, p, keepdim } }) =>
    ops.norm(arg("input"), dim ?? undefined, { p: p === "inf" ? Number.POSITIVE_INFINITY : p, keepdim }),

  add: binary(ops.add),
  sub: binary(ops.sub),
  mul: binary(ops.mul),
  div: binary(ops.div),
  remainder: binary(ops.mod),
  pow: binary(ops.pow),
  maximum: binary(ops.maximum),
  minimum: binary(ops.minimum),
  eq: binary(ops.eq),
  ne: binary(ops.ne),
  lt: binary(ops.lt),
  le: binary(ops.le),
  gt: binary(ops.gt),
  ge: binary(ops.ge),
  where: ({ arg, operand }) => ops.where(arg("condition"), operand("input"), operand("other")),

  exp: unary(ops.exp),
  log: unary(ops.log),
  sqrt: unary(ops.sqrt),
  rsqrt: unary(ops.rsqrt),
  abs: unary(ops.abs),
  neg: unary(ops.neg),
  sin: unary(ops.sin),
  cos: unary(ops.cos),
  erf: unary(ops.erf),
  floor: unary(ops.floor),
  ceil: unary(ops.ceil),
  round: unary(ops.round),
  sign: unary(ops.sign),
  reciprocal: unary(ops.reciprocal),
  clamp: ({ arg, attrs: { min, max } }) => ops.clamp(arg("input"), { min: min ?? undefined, max: max ?? undefined }),

  reshape: ({ arg, attrs }) => ops.reshape(arg("input"), attrs.shape),
  permute: ({ arg, attrs }) => ops.permute(arg("input"), attrs.dims),
  slice: ({ arg, attrs: { starts, ends, steps } }) =>
    ops.slice(
      arg("input"),
      (starts as number[]).map((start, axis) => [start, ends[axis], steps[axis]] as const),
    ),
  cat: ({ args, attrs }) => ops.concat(args, attrs.dim),
  stack: ({ args, attrs }) => ops.stack(args, attrs.dim),
  split: ({ arg, attrs }) =>
    Object.fromEntries(ops.split(arg("input"), attrs.dim, attrs.split_size_or_sections).entries()),
  pad,
  expand({ arg, attrs: { size } }) {
    const x = arg("input");
    const lead = size.length - x.shape.length;
    return ops.expand(
      x,
      (size as number[]).map((n, axis) => (n === -1 ? x.shape[axis - lead]! : n)),
    );
  },
  gather: ({ arg, attrs }) => ops.gather(arg("input"), attrs.dim, arg("index")),
  index_select: ({ arg, attrs }) => ops.indexSelect(arg("input"), attrs.dim, arg("index")),
  scatter_add: ({ arg, attrs }) => ops.scatterAdd(arg("input"), attrs.dim, arg("index"), arg("src")),
  flip: ({ arg, attrs }) => ops.flip(arg("input"), attrs.dims),
  roll: ({ arg, attrs }) => ops.roll(arg("input"), attrs.shifts, attrs.dims),
  tril: ({ arg, attrs }) => ops.tril(arg("input"), attrs.diagonal),
  triu: ({ arg, attrs }) => ops.triu(arg("input"), attrs.diagonal),
  cumsum: ({ arg, attrs }) => ops.cumsum(arg("input"), attrs.dim),
  one_hot: ({ arg, attrs }) => ops.oneHot(arg("input"), attrs.num_classes, "i32"),

  mse_loss: loss(losses.mse),
  l1_loss: loss(losses.l1),
  smooth_l1_loss: loss(losses.smoothL1),
  huber_loss: loss(losses.huber),
  msle_loss: loss(losses.msle),
  hinge_loss: loss(losses.hinge),
  squared_hinge_loss: loss(losses.squaredHinge),
  binary_cross_entropy: (call) =>
    losses.bce(call.arg("input"), call.arg("target"), { ...weightOf(call), reduction: call.attrs.reduction }),
  binary_cross_entropy_with_logits(call) {
    const posWeight = call.optional("pos_weight");
    const options = { ...weightOf(call), ...(posWeight && { posWeight }), reduction: call.attrs.reduction };
    return losses.bceWithLogits(call.arg("input"), call.arg("target"), options);
  },
  cross_entropy: (call) =>
    losses.crossEntropy(call.arg("input"), call.arg("target"), {
      ...classOptions(call),
      labelSmoothing: call.attrs.label_smoothing,
    }),
  nll_loss: (call) => losses.nll(call.arg("input"), call.arg("target"), classOptions(call)),
  kl_div: ({ arg, attrs: { log_target: logTarget, reduction } }) =>
    losses.klDiv(arg("input"), arg("target"), { logTarget, reduction }),
  cosine_embedding_loss: ({ arg, attrs }) => losses.cosineEmbedding(arg("input1"), arg("input2"), arg("target"), attrs),

  conv2d: ({ arg, optional, attrs }) => ops.conv2d(arg("input"), arg("weight"), optional("bias"), attrs),
  conv1d: ({ arg, optional, attrs: { stride, padding, dilation, groups } }) =>
    ops.conv1d(arg("input"), arg("weight"), optional("bias"), {
      stride: single(stride),
      padding: typeof padding === "string" ? (padding as "same") : single(padding),
      dilation: single(dilation),
      groups,
    }),
  conv_transpose2d: ({ arg, optional, attrs: { output_padding: outputPadding, ...attrs } }) =>
    ops.convTranspose2d(arg("input"), arg("weight"), optional("bias"), { ...attrs, outputPadding }),
  max_pool2d: ({ arg, attrs: { kernel_size: kernel, ceil_mode: ceilMode, ...attrs } }) =>
    ops.maxPool2d(arg("input"), kernel, { ...attrs, ceilMode }),
  avg_pool2d: ({ arg, attrs }) =>
    ops.avgPool2d(arg("input"), attrs.kernel_size, {
      stride: attrs.stride,
      padding: attrs.padding,
      ceilMode: attrs.ceil_mode,
      countIncludePad: attrs.count_include_pad,
      ...(attrs.divisor_override !== null && { divisor: attrs.divisor_override }),
    }),
  adaptive_avg_pool2d: ({ arg, attrs }) => ops.adaptiveAvgPool2d(arg("input"), attrs.output_size),

  layer_norm: (call) =>
    ops.layerNorm(call.arg("input"), call.attrs.normalized_shape, { ...affineOf(call), eps: call.attrs.eps }),
  rms_norm: (call) =>
    ops.rmsNorm(call.arg("input"), call.attrs.normalized_shape, { ...weightOf(call), eps: call.attrs.eps }),
  group_norm: (call) =>
    ops.groupNorm(call.arg("input"), call.attrs.num_groups, { ...affineOf(call), eps: call.attrs.eps }),
  instance_norm: (call) => ops.instanceNorm(call.arg("input"), { ...affineOf(call), eps: call.attrs.eps }),
  batch_norm: batchNorm,

  embedding: ({ arg, attrs: { padding_idx: paddingIdx } }) =>
    ops.embedding(arg("input"), arg("weight"), paddingIdx === null ? {} : { paddingIdx }),
  dropout: ({ arg, attrs: { p, training } }) => nn.dropout(p)(arg("input"), { training }),
  lstm: recurrent(ops.lstm),
  gru: recurrent(ops.gru),
  rnn_tanh: recurrent(ops.rnn),
  scaled_dot_product_attention({ arg, optional, attrs: { is_causal: causal, scale } }) {
    const mask = optional("attn_mask");
    return ops.scaledDotProductAttention(arg("query"), arg("key"), arg("value"), {
      causal,
      ...(mask && { mask }),
      ...(scale !== null && { scale }),
    });
  },
};

/** Ops of the reference cases that the library lacks: their cases are skipped. */
export const notBuilt: readonly string[] = [];

/** Why a case is skipped, if it is. @param absent missing files. */
export function skipped({ op, file }: GoldenCase, absent: readonly string[]): string | undefined {
  if (notBuilt.includes(op)) return `${op} is not built yet`;
  return absent.includes(file) ? `${file} is not in GOLDEN_DIR` : undefined;
}
