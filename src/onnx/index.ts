/**
 * `tilegrad/onnx`: reads ONNX models as graphs over variables, to run and to train further, and writes graphs as ONNX
 * models.
 */
export {
  exportOnnx,
  type OnnxExportOptions,
  type OnnxFile,
  type OnnxSample,
  type OnnxTensors,
} from "./export/export.ts";
export { importOnnx } from "./importer.ts";
export type { OnnxConstant, OnnxGraph, OnnxOptions } from "./options.ts";
