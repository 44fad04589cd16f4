/**
 * `tilegrad/onnx`: reads ONNX models as graphs over variables, to run and to train further.
 */
export { importOnnx, type OnnxConstant, type OnnxGraph, type OnnxOptions } from "./importer.ts";
