import { checkList, checkWhole, DTypeError, ShapeError } from "../errors.ts";
import { axisOf, type DType, sameShape, showShape } from "../graph/shape.ts";
import { apply, checkTensors, type Op, type Tensor } from "../graph/tensor.ts";
import { concatKernels } from "../kernels/concat.ts";
import { permute, slice } from "./views.ts";

const without = (shape: readonly number[], axis: number) => shape.filter((_, k) => k !== axis);

const concatOp: Op = {
  name: "concat",
  infer(inputs, { axis }) {
    const [first] = inputs;
    for (const input of inputs) {
      if (input.dtype !== first!.dtype) throw new DTypeError(`concat: ${input.dtype} does not join ${first!.dtype}`);
      if (!sameShape(without(input.shape, axis), without(first!.shape, axis))) {
        throw new ShapeError(
          `concat: ${showShape(input.shape)} does not join ${showShape(first!.shape)} along axis ${axis}`,
        );
      }
    }
    const along = inputs.reduce((total, input) => total + input.shape[axis]!, 0);
    return [{ shape: first!.shape.map((n, k) => (k === axis ? along : n)), dtype: first!.dtype }];
  },
  vjp({ inputs, attrs: { axis } }, [dy]) {
    return dy
      ? split(
          dy,
          axis,
          inputs.map((input) => input.shape[axis]!),
        )
      : [];
  },
  permuted: ({ op, inputs, attrs: { axis } }, axes) =>
    apply(
      op,
      inputs.map((input) => permute(input, axes)),
      { axis: axes.indexOf(axis) },
    ),
  kernels: concatKernels,
};

/** Inputs of one concat kernel: with the result, and what watches for NaN, they stay within eight bindings. */
const widest = 6;

/** Joins tensors along an axis that exists. */
export function concat<D extends DType>(tensors: readonly Tensor<D>[], axis = 0): Tensor<D> {
  checkTensors("concat", ...checkList("concat", "the list of tensors", tensors));
  if (tensors.length === 0) throw new ShapeError("concat: no tensors given");
  const at = axisOf("concat", axis, tensors[0]!.shape.length);
  if (tensors.length === 1) return tensors[0]!;
  if (tensors.length <= widest) return apply(concatOp, tensors, { axis: at });
  const parts = Array.from({ length: Math.ceil(tensors.length / widest) }, (_, i) =>
    concat(tensors.slice(i * widest, (i + 1) * widest), at),
  );
  return concat(parts, at);
}

/** Cuts an axis into pieces of given sizes, or into pieces of one size of which the last may be shorter. */
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
