export { Accumulator, accumulator } from "./accumulator.ts";
export { type AdadeltaOptions, adadelta } from "./adadelta.ts";
export { type AdagradOptions, adagrad } from "./adagrad.ts";
export { type AdamOptions, adam, adamW } from "./adam.ts";
export { type AdamaxOptions, adamax } from "./adamax.ts";
export { type Clip, clipGradNorm, clipGradValue } from "./clip.ts";
export { Ema, type EmaOptions, ema } from "./ema.ts";
export { type Group, GroupedOptimizer, groups, type ParameterList } from "./groups.ts";
export { type NAdamOptions, nadam } from "./nadam.ts";
export { Optimizer, type OptimizerLike, parametersOf, type StepOptions, type StepUpdates } from "./optimizer.ts";
export type { OptimizerOptions } from "./options.ts";
export { Plateau, type PlateauOptions, reduceOnPlateau } from "./plateau.ts";
export { type RAdamOptions, radam } from "./radam.ts";
export { type RmsPropOptions, rmsProp } from "./rmsprop.ts";
export { LossScaler, type LossScalerOptions, lossScaler } from "./scaling.ts";
export { type Schedule, schedule } from "./schedule.ts";
export {
  constantLR,
  cosineAnnealingLR,
  cosineWarmRestarts,
  exponentialLR,
  linearLR,
  linearWarmupLinearDecay,
  multiStepLR,
  type OneCycleOptions,
  oneCycleLR,
  stepLR,
} from "./schedules.ts";
export { type SgdOptions, sgd } from "./sgd.ts";
