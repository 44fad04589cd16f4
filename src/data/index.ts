export { classWeights, type ResampleOptions, resample } from "./balance.ts";
export { type BatchOptions, batches, batchIndices, numBatches } from "./batches.ts";
export type { Bytes } from "./bytes.ts";
export { type DataArray, type Dataset, datasetSize, type Rows, type TypedArray, takeRows } from "./dataset.ts";
export { type IdxArray, parseIdx } from "./idx.ts";
export { oneHot } from "./labels.ts";
export {
  minMaxScale,
  type Normalizer,
  type NormalizerState,
  type NumberArray,
  normalizer,
  standardize,
} from "./normalize.ts";
export { type PixelOptions, scale } from "./pixels.ts";
export { permutation, type RandomStream, randomStream } from "./random.ts";
export {
  type KFoldOptions,
  kFold,
  type RandomSplitOptions,
  randomSplit,
  type Split,
  type SplitOptions,
  trainValidationSplit,
} from "./split.ts";
