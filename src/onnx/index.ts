/**
 * `tilegrad/onnx`: reads ONNX models as graphs over variables, to run and to train further.
 */
export { importOnnx } from "./importer.ts";
export type { OnnxConstant, OnnxGraph, OnnxOptions } from "./options.ts";
