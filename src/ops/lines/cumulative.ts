import { axisOf, type DType } from "../../graph/shape.ts";
import { apply, checkTensors, type Op, type Tensor } from "../../graph/tensor.ts";
import { cumprodKernels, cumsumKernels } from "../../kernels/cumsum.ts";
import { flip } from "../moves/views.ts";
import { cast, div, eq, mul, where } from "../pointwise/arithmetic.ts";
import { onesLike, zerosLike } from "../sources/constants.ts";

const cumsumOp: Op = {
  name: "cumsum",
  infer: ([x]) => [{ shape: x!.shape, dtype: x!.dtype }],
  vjp: ({ attrs: { axis } }, [dy]) => [dy && flip(cumsum(flip(dy, axis), axis), axis)],
  kernels: cumsumKernels,
};

/** Cumulative sum along an axis. */
export function cumsum<D extends DType>(x: Tensor<D>, axis: number): Tensor<D> {
  checkTensors("cumsum", x);
  return x.shape.length === 0 ? x : apply(cumsumOp, [x], { axis: axisOf("cumsum", axis, x.shape.length) });
}

/** Cumulative sum along an axis, from its end. */
const cumsumBack = (x: Tensor, axis: number): Tensor => flip(cumsum(flip(x, axis), axis), axis);

const cumprodOp: Op = {
  name: "cumprod",
  infer: ([x]) => [{ shape: x!.shape, dtype: x!.dtype }],
  // dx[k] = Σ dy[i] · y[i] / x[k] over i ≥ k. At a line's first zero, use products without that factor; later elements
  // get 0.
  vjp({ inputs: [x], results: [y], attrs: { axis } }, [dy]) {
    if (!dy) return [];
    const zeros = cumsum(cast(eq(x!, 0), "i32"), axis);
    const isFirst = where(eq(x!, 0), eq(zeros, 1), zerosLike(zeros));
    const without = where(isFirst, onesLike(x!), x!);
    const before = div(cumsumBack(mul(dy, y!), axis), where(eq(zeros, 0), x!, onesLike(x!)));
    const here = cumsumBack(mul(dy, cumprod(without, axis)), axis);
    return [where(isFirst, here, where(eq(zeros, 0), before, zerosLike(x!)))];
  },
  kernels: cumprodKernels,
};

/**
 * Cumulative product along an axis. The gradient is exact even where elements are 0.
 * @returns a tensor of the shape of x.
 */
export function cumprod<D extends DType>(x: Tensor<D>, axis: number): Tensor<D> {
  checkTensors("cumprod", x);
  return x.shape.length === 0 ? x : apply(cumprodOp, [x], { axis: axisOf("cumprod", axis, x.shape.length) });
}
