import { checkList, checkNumber, ShapeError } from "../errors.ts";
import { axisOf, type DType, sameShape, showShape } from "../graph/shape.ts";
import { apply, checkTensors, type Op, type Tensor } from "../graph/tensor.ts";
import { cumprodKernels, cumsumKernels } from "../kernels/cumsum.ts";
import { cast, div, eq, ge, le, mul, sub, where } from "./arithmetic.ts";
import { concat, split } from "./concat.ts";
import { onesLike, zerosLike } from "./constants.ts";
import { iota } from "./random.ts";
import { flip, unsqueeze } from "./views.ts";

/** Stacks tensors of one shape along a new axis. */
export function stack<D extends DType>(tensors: readonly Tensor<D>[], axis = 0): Tensor<D> {
  checkTensors("stack", ...checkList("stack", "the list of tensors", tensors));
  const odd = tensors.find((tensor) => !sameShape(tensor.shape, tensors[0]!.shape));
  if (odd) throw new ShapeError(`stack: ${showShape(odd.shape)} differs from ${showShape(tensors[0]!.shape)}`);
  return concat(
    tensors.map((tensor) => unsqueeze(tensor, axis)),
    axis,
  );
}

/** Rotates elements along axes: those shifted out at one end re-enter at the other. */
export function roll<D extends DType>(
  x: Tensor<D>,
  shifts: number | readonly number[],
  axes: number | readonly number[],
): Tensor<D> {
  checkTensors("roll", x);
  const [by, along] = [[shifts].flat(), [axes].flat()];
  for (const shift of by) checkNumber("roll", "a shift", shift, "a whole number", Number.isInteger);
  if (by.length !== along.length) throw new ShapeError(`roll: ${by.length} shifts for ${along.length} axes`);
  return along.reduce((y, axis, i) => {
    const at = axisOf("roll", axis, y.shape.length);
    const n = y.shape[at]!;
    const shift = ((by[i]! % n) + n) % n;
    return shift === 0 ? y : concat(split(y, at, [n - shift, shift]).reverse(), at);
  }, x);
}

/**
 * Keeps the elements on and below a diagonal of the last two axes; others become 0. @param diagonal 0 is the main one;
 * positive ones are above it.
 */
export function tril<D extends DType>(x: Tensor<D>, diagonal = 0): Tensor<D> {
  const [row, column] = positions("tril", x);
  return where(le(sub(column, row), diagonal), x, zerosLike(x));
}

/** Keeps the elements on and above a diagonal of the last two axes; others become 0. */
export function triu<D extends DType>(x: Tensor<D>, diagonal = 0): Tensor<D> {
  const [row, column] = positions("triu", x);
  return where(ge(sub(column, row), diagonal), x, zerosLike(x));
}

function positions(op: string, x: Tensor) {
  checkTensors(op, x);
  return [iota(x.shape, axisOf(op, -2, x.shape.length)), iota(x.shape, axisOf(op, -1, x.shape.length))] as const;
}

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
