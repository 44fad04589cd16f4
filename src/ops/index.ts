/** Every op a user builds graphs with. */

export { type CustomOp, customOp } from "./custom/custom.ts";
export type { CustomDefinition } from "./custom/definition.ts";
export { type Elementwise, type ElementwiseDefinition, elementwise } from "./custom/elementwise.ts";
export { cumprod, cumsum } from "./lines/cumulative.ts";
export { argmax, argmin, maxWithIndex, minWithIndex } from "./lines/pick.ts";
export {
  type Axes,
  all,
  any,
  logsumexp,
  maskedMean,
  max,
  mean,
  min,
  norm,
  prod,
  std,
  sum,
  variance,
} from "./lines/reduce.ts";
export { logSoftmax, softmax, softmaxCrossEntropy } from "./lines/softmax.ts";
export { argsort, type Sorted, type SortOptions, sort, topk } from "./lines/sort.ts";
export { squaredNorm } from "./lines/squaredNorm.ts";
export { concat, split } from "./moves/concat.ts";
export { gather, indexSelect, padWith, scatterAdd } from "./moves/gather.ts";
export { type InterpolateOptions, interpolate } from "./moves/interpolate.ts";
export { roll, stack, tril, triu } from "./moves/join.ts";
export { oneHot } from "./moves/oneHot.ts";
export { type Padding, pad } from "./moves/pad.ts";
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
} from "./moves/views.ts";
export { type AttentionOptions, attentionWeights, scaledDotProductAttention } from "./network/attention.ts";
export { type BatchNormOptions, batchNorm, nextStatistics, type RunningStatistics } from "./network/batchNorm.ts";
export { type ConvOptions, conv1d, conv2d, convTranspose2d } from "./network/conv.ts";
export { embedding } from "./network/embedding.ts";
export { linear, matmul } from "./network/matmul.ts";
export { type Affine, groupNorm, instanceNorm, layerNorm, rmsNorm } from "./network/normalization.ts";
export { type AvgPoolOptions, adaptiveAvgPool2d, avgPool2d, maxPool2d, type PoolOptions } from "./network/pool.ts";
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
} from "./network/recurrent.ts";
export * from "./pointwise/activations.ts";
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
} from "./pointwise/arithmetic.ts";
export { isInf, isNan } from "./pointwise/classify.ts";
export { ceil, cos, erf, exp, floor, log, pow, reciprocal, round, rsqrt, sin, sqrt } from "./pointwise/elementary.ts";
export { foreach } from "./pointwise/foreach.ts";
export { mod } from "./pointwise/mod.ts";
export type { Operand } from "./pointwise/pointwise.ts";
export { acos, acosh, asin, asinh, atan, atanh, cosh, sinh, tan } from "./pointwise/trigonometry.ts";
export { constant, full, input, onesLike, variable, zerosLike } from "./sources/constants.ts";
export { iota, Random } from "./sources/random.ts";
