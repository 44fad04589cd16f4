/**
 * `tilegrad/onnx`: reads ONNX models as graphs over variables, to run and to train further, and writes graphs as ONNX
 * models.
 */
export { exportOnnx, type OnnxExportOptions, type OnnxFile } from "./export/export.ts";
export type { OnnxSample, OnnxTensors } from "./export/trace.ts";
export { importOnnx } from "./importer.ts";
export type { OnnxConstant, OnnxGraph, OnnxOptions } from "./options.ts";
