/**
 * tilegrad: deep learning on WebGPU. Build a graph of tensors, differentiate it, compile it to a program, run it.
 */

export type { Backend } from "./backend.ts";
export type { CompileOptions, Description, Passes } from "./compile/compile.ts";
export { type Gradients, grad } from "./compile/grad.ts";
export type { KernelText, ReplaceKernel } from "./compile/replace.ts";
export * as data from "./data/index.ts";
export {
  AttributeError,
  DeviceError,
  DeviceLostError,
  DTypeError,
  FeedError,
  FormatError,
  LimitError,
  NonFiniteError,
  ShapeError,
  StateError,
  TilegradError,
} from "./errors.ts";
export type { DeviceOptions } from "./gpu/device.ts";
export { print } from "./graph/print.ts";
export type { DType, Float, Shape } from "./graph/shape.ts";
export { type DTypeOf, Tensor, type TensorData, type Update, Variable } from "./graph/tensor.ts";
export * as io from "./io/index.ts";
export type { AdapterTraits } from "./kernels/traits.ts";
export * as losses from "./losses/index.ts";
export * as metrics from "./metrics/index.ts";
export * as nn from "./nn/index.ts";
export * from "./ops/index.ts";
export * as optim from "./optim/index.ts";
export type { Recording } from "./recording/format.ts";
export type { RecordOptions } from "./recording/options.ts";
export { Engine, type EngineOptions, type KernelOptions, type TuneOptions } from "./runtime/engine.ts";
export type { Feeds } from "./runtime/feeds.ts";
export type { BufferInfo, Inspection, KernelInfo, Memory, Profile } from "./runtime/inspection.ts";
export type { Output } from "./runtime/output.ts";
export type { Outputs, Program } from "./runtime/program.ts";
export type { Tuning } from "./runtime/tuning.ts";
export type { Finding } from "./tune/index.ts";
export type { TuningStore } from "./tune/store.ts";

// Last, because bundlers keep this order and similar code compresses better side by side.

export { type ExportOptions, exportPrograms, type Target } from "./exported/export.ts";
export type { Exported } from "./exported/format.ts";
