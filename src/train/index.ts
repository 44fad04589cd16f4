export type { Callback, CallbackState, Training } from "./callbacks.ts";
export { type CheckpointList, type CheckpointOptions, type CheckpointStore, checkpoint } from "./checkpoint.ts";
export type { CompileOptions } from "./compiled.ts";
export type { GradientLogs, GradientStatistics } from "./gradients.ts";
export type { EpochLogs, History, Logs, Progress, StepLogs } from "./history.ts";
export { accuracy, binaryAccuracy, type Metric, mae, mse, type PerSample, rmse, topKAccuracy } from "./metrics.ts";
export type { FitOptions } from "./options.ts";
export type { Prediction, PredictOptions } from "./predictor.ts";
export type { AnyMetric, Loss, TrainerOptions } from "./recipe.ts";
export type { ArrayData, SampleShape } from "./specs.ts";
export {
  type EarlyStoppingOptions,
  earlyStopping,
  type PlateauCallbackOptions,
  reduceLROnPlateau,
} from "./stopping.ts";
export type { Arrays, Data, Item, Items } from "./stream.ts";
export { type EvaluateOptions, Trainer } from "./trainer.ts";
