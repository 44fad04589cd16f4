import { fromBase64 } from "../bytes/base64.ts";
import { FormatError } from "../errors.ts";
import { unpackHalves } from "../graph/half.ts";
import { bytesPer, sizeOf } from "../graph/shape.ts";
import { arrayOf, type TensorData } from "../graph/tensor.ts";
import type { RecordedTensor } from "./format.ts";

/**
 * The elements of a recorded tensor.
 * @returns a new typed array of the tensor's dtype (Float32Array for f16), row-major; undefined if the recording has
 * none, see the option `values` of `program.record`.
 * @throws FormatError when their number is not that of the shape.
 */
export function valuesOf({ values, dtype, shape, name }: RecordedTensor): TensorData | undefined {
  if (values === undefined) return undefined;
  const bytes = fromBase64(values);
  if (bytes.length !== sizeOf(shape) * bytesPer(dtype)) {
    throw new FormatError(
      `valuesOf: tensor "${name}" has ${bytes.length} bytes, expected ${sizeOf(shape) * bytesPer(dtype)}`,
    );
  }
  return dtype === "f16" ? unpackHalves(new Uint16Array(bytes.buffer)) : new arrayOf[dtype](bytes.buffer);
}
