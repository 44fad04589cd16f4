import { checkChoice, counted, DTypeError, ShapeError } from "../../errors.ts";
import { axisOf, type DType, showShape } from "../../graph/shape.ts";
import { apply, checkTensors, type Op, type Spec, type Tensor } from "../../graph/tensor.ts";
import { gatherKernels, scatterAddKernels } from "../../kernels/gather.ts";
import { constant, full } from "../sources/constants.ts";
import { checkPads, pad } from "./pad.ts";
import { expand, reshape } from "./views.ts";

function checkIndex(op: string, index: Spec): void {
  if (index.dtype !== "i32") throw new DTypeError(`${op}: the index is ${index.dtype}, expected i32`);
}

const gatherOp: Op = {
  name: "gather",
  infer([x, index], { axis }) {
    checkIndex("gather", index!);
    const fits =
      index!.shape.length === x!.shape.length && index!.shape.every((n, k) => k === axis || n <= x!.shape[k]!);
    if (!fits)
      throw new ShapeError(
        `gather: index ${showShape(index!.shape)} does not fit ${showShape(x!.shape)} along axis ${axis}`,
      );
    return [{ shape: index!.shape, dtype: x!.dtype }];
  },
  vjp: ({ inputs: [x, index], attrs: { axis } }, [dy]) => [
    dy && scatterAdd(full(x!.shape, 0, x!.dtype), axis, index!, dy),
    undefined,
  ],
  bounds: ({ inputs: [x], attrs: { axis } }) => [{ input: 1, low: 0, high: x!.shape[axis]! - 1 }],
  kernels: gatherKernels,
};

/**
 * Picks elements along an axis with an i32 index of the same rank: y[…, i, …] = x[…, index[…, i, …], …]. Indices that
 * are program inputs are checked on the host; computed indices are clamped.
 */
export function gather<D extends DType>(x: Tensor<D>, axis: number, index: Tensor): Tensor<D> {
  checkTensors("gather", x, index);
  return apply(gatherOp, [x, index], { axis: axisOf("gather", axis, x.shape.length) });
}

/** Picks whole slices along an axis by a list of indices (i32, one axis). */
export function indexSelect<D extends DType>(x: Tensor<D>, axis: number, index: Tensor): Tensor<D> {
  checkTensors("indexSelect", x, index);
  const at = axisOf("indexSelect", axis, x.shape.length);
  if (index.shape.length !== 1)
    throw new ShapeError(`indexSelect: the index is ${showShape(index.shape)}, expected one axis`);
  const shape = x.shape.map((n, k) => (k === at ? index.shape[0]! : n));
  return gather(
    x,
    at,
    expand(
      reshape(
        index,
        shape.map((n, k) => (k === at ? n : 1)),
      ),
      shape,
    ),
  );
}

const scatterOp: Op = {
  name: "scatterAdd",
  infer([x, index, source], { axis }) {
    checkIndex("scatterAdd", index!);
    const fits =
      index!.shape.length === x!.shape.length &&
      source!.shape.length === x!.shape.length &&
      index!.shape.every((n, k) => n <= source!.shape[k]! && (k === axis || n <= x!.shape[k]!));
    if (!fits) {
      throw new ShapeError(
        `scatterAdd: index ${showShape(index!.shape)} does not fit ${showShape(x!.shape)} and source ${showShape(source!.shape)} along axis ${axis}`,
      );
    }
    return [{ shape: x!.shape, dtype: x!.dtype }];
  },
  vjp({ inputs: [, index, source], attrs: { axis } }, [dy]) {
    if (!dy) return [];
    const picked = gather(dy, axis, index!);
    // Source elements beyond the index are unused.
    const high = source!.shape.map((n, k) => n - index!.shape[k]!);
    return [dy, undefined, pad(picked, { low: high.map(() => 0), high })];
  },
  bounds: ({ inputs: [x], attrs: { axis } }) => [{ input: 1, low: 0, high: x!.shape[axis]! - 1 }],
  kernels: scatterAddKernels,
};

/**
 * Adds `source` to `x` at positions given by an i32 index of the same rank: y[…, index[…, j, …], …] += source[…, j, …].
 * Repeated indices accumulate.
 */
export function scatterAdd<D extends DType>(x: Tensor<D>, axis: number, index: Tensor, source: Tensor): Tensor<D> {
  checkTensors("scatterAdd", x, index, source);
  return apply(scatterOp, [x, index, source], { axis: axisOf("scatterAdd", axis, x.shape.length) });
}

/** Pads `x` with its mirror image ("reflect", without repeating the edge) or with its edge ("replicate"). */
export function padWith<D extends DType>(
  mode: "reflect" | "replicate",
  x: Tensor<D>,
  low: readonly number[],
  high: readonly number[],
): Tensor<D> {
  checkChoice("padWith", "mode", mode, ["reflect", "replicate"]);
  checkTensors("padWith", x);
  for (const [name, list] of Object.entries({ low, high })) checkPads("padWith", name, list, x);
  return x.shape.reduce((y, n, axis) => {
    const [before, behind] = [low[axis]!, high[axis]!];
    if (before === 0 && behind === 0) return y;
    if (mode === "reflect" && Math.max(before, behind) >= n) {
      throw new ShapeError(
        `padWith: axis ${axis} has ${counted(n, "element")}, expected more than the ${Math.max(before, behind)} to reflect`,
      );
    }
    const index = Int32Array.from({ length: before + n + behind }, (_, i) => {
      const at = i - before;
      if (mode === "replicate") return Math.min(Math.max(at, 0), n - 1);
      return at < 0 ? -at : at >= n ? 2 * (n - 1) - at : at;
    });
    return indexSelect(y, axis, constant(index, [index.length]));
  }, x);
}
