import { checkList, checkWhole, ShapeError } from "../../errors.ts";
import { axisOf, type DType, showShape } from "../../graph/shape.ts";
import { checkTensors, type Tensor } from "../../graph/tensor.ts";
import { joined } from "./layout.ts";
import { slice } from "./views.ts";

/** Joins tensors along an existing axis, default the first. */
export function concat<D extends DType>(tensors: readonly Tensor<D>[], axis = 0): Tensor<D> {
  checkTensors("concat", ...checkList("concat", "the list of tensors", tensors));
  if (tensors.length === 0) throw new ShapeError("concat: no tensors given");
  const at = axisOf("concat", axis, tensors[0]!.shape.length);
  return joined(tensors, at);
}

/** Splits an axis into pieces of given sizes, or into pieces of one size, of which the last may be smaller. */
export function split<D extends DType>(x: Tensor<D>, axis: number, sizes: number | readonly number[]): Tensor<D>[] {
  checkTensors("split", x);
  const at = axisOf("split", axis, x.shape.length);
  const n = x.shape[at]!;
  const list =
    typeof sizes === "number"
      ? Array.from({ length: Math.ceil(n / checkWhole("split", "size", sizes)) }, (_, i) =>
          Math.min(sizes, n - i * sizes),
        )
      : checkList("split", "sizes", sizes);
  for (const size of list) checkWhole("split", "a size", size);
  if (list.reduce((sum, size) => sum + size, 0) !== n) {
    throw new ShapeError(
      `split: sizes [${list.join(", ")}] do not add up to ${n}, axis ${at} of ${showShape(x.shape)}`,
    );
  }
  let start = 0;
  return list.map((size) => {
    const ranges = x.shape.map((_, k) => (k === at ? ([start, start + size] as const) : undefined));
    start += size;
    return slice(x, ranges);
  });
}
