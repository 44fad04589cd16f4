import { checkWhole, DTypeError } from "../../errors.ts";
import { checkDType, type DType } from "../../graph/shape.ts";
import { checkTensors, type Tensor } from "../../graph/tensor.ts";
import { cast, eq } from "../pointwise/arithmetic.ts";
import { iota } from "../sources/random.ts";
import { expand, unsqueeze } from "./views.ts";

/** One-hot rows for labels (i32), along a new last axis. @param dtype default f32. */
export function oneHot<D extends DType = "f32">(labels: Tensor, classes: number, dtype = "f32" as D): Tensor<D> {
  checkTensors("oneHot", labels);
  checkWhole("oneHot", "classes", classes);
  checkDType("oneHot", dtype);
  if (labels.dtype !== "i32") throw new DTypeError(`oneHot: the index is ${labels.dtype}, expected i32`);
  const shape = [...labels.shape, classes];
  return cast(eq(iota(shape, labels.shape.length), expand(unsqueeze(labels, -1), shape)), dtype);
}
