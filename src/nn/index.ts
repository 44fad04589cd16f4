export {
  type Attending,
  type EncoderLayerOptions,
  type Multihead,
  type MultiheadOptions,
  multiheadAttention,
  transformerEncoderLayer,
} from "./attention.ts";
export { adaptiveAvgPool2d, avgPool2d, conv1d, conv2d, convTranspose2d, maxPool2d, upsample } from "./convolution.ts";
export { type EmbeddingOptions, embedding } from "./embedding.ts";
export { freeze, unfreeze } from "./freeze.ts";
export * as init from "./init.ts";
export { random, seed } from "./init.ts";
export {
  dropout,
  elu,
  flatten,
  gelu,
  hardswish,
  type LinearOptions,
  leakyRelu,
  linear,
  logSoftmax,
  maxout,
  mish,
  relu,
  selu,
  sigmoid,
  silu,
  softmax,
  softplus,
  softsign,
  tanh,
} from "./layers.ts";
export { mixedPrecision } from "./mixedPrecision.ts";
export { type Mode, type Module, type Moving, module, type Parts, sequential, stateDict, stateless } from "./module.ts";
export {
  type BatchNormLayerOptions,
  batchNorm1d,
  batchNorm2d,
  groupNorm,
  instanceNorm2d,
  layerNorm,
  type NormOptions,
  rmsNorm,
} from "./normalization.ts";
export {
  type CellOptions,
  gru,
  gruCell,
  type HiddenStates,
  type LstmStates,
  lastStep,
  lstm,
  lstmCell,
  type Recurrent,
  type RecurrentCell,
  type RecurrentLayerOptions,
  rnn,
  rnnCell,
} from "./recurrent.ts";
export { tiedLinear } from "./tied.ts";
