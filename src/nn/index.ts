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
  tanh,
} from "./layers.ts";
export { type Mode, type Module, module, sequential, stateDict, stateless } from "./module.ts";
