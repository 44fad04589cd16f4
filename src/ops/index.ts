/** Every op a user builds graphs with. */

export * from "./activations.ts";
export {
  abs,
  add,
  cast,
  clamp,
  div,
  eq,
  ge,
  gt,
  le,
  lt,
  maximum,
  minimum,
  mul,
  ne,
  neg,
  sign,
  sub,
  where,
} from "./arithmetic.ts";
export { type AttentionOptions, scaledDotProductAttention } from "./attention.ts";
export { concat, split } from "./concat.ts";
export { constant, full, input, onesLike, variable, zerosLike } from "./constants.ts";
export { type ConvOptions, conv1d, conv2d, convTranspose2d } from "./conv.ts";
export { type CustomOp, customOp } from "./custom.ts";
export type { CustomDefinition } from "./customDefinition.ts";
export { ceil, cos, erf, exp, floor, log, pow, reciprocal, round, rsqrt, sin, sqrt } from "./elementary.ts";
export { type Elementwise, type ElementwiseDefinition, elementwise } from "./elementwise.ts";
export { embedding } from "./embedding.ts";
export { foreach } from "./foreach.ts";
export { gather, indexSelect, padWith, scatterAdd } from "./gather.ts";
export { cumprod, cumsum, roll, stack, tril, triu } from "./join.ts";
export { linear, matmul } from "./matmul.ts";
export { mod } from "./mod.ts";
export {
  type Affine,
  type BatchNormOptions,
  batchNorm,
  groupNorm,
  instanceNorm,
  layerNorm,
  nextStatistics,
  type RunningStatistics,
  rmsNorm,
} from "./normalization.ts";
export { oneHot } from "./oneHot.ts";
export { type Padding, pad } from "./pad.ts";
export { argmax, argmin, maxWithIndex, minWithIndex } from "./pick.ts";
export type { Operand } from "./pointwise.ts";
export { type AvgPoolOptions, adaptiveAvgPool2d, avgPool2d, maxPool2d, type PoolOptions } from "./pool.ts";
export { iota, Random } from "./random.ts";
export {
  gru,
  gruCell,
  type LstmOptions,
  type LstmResult,
  lstm,
  lstmCell,
  type RecurrentOptions,
  type RecurrentResult,
  type RecurrentWeights,
  rnn,
  rnnCell,
} from "./recurrent.ts";
export { all, any, logsumexp, max, mean, min, norm, prod, std, variance } from "./reduce.ts";
export { logSoftmax, softmax, softmaxCrossEntropy } from "./softmax.ts";
export { argsort, type Sorted, type SortOptions, sort, topk } from "./sort.ts";
export { squaredNorm } from "./squaredNorm.ts";
export { type Axes, sum } from "./sum.ts";
export {
  detach,
  expand,
  flatten,
  flip,
  permute,
  type Range,
  reshape,
  slice,
  squeeze,
  transpose,
  unsqueeze,
} from "./views.ts";
