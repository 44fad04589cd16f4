import { maxRule, minRule, prodRule } from "../../../shaders/reduce.wgsl.ts";
import { AttributeError, checkLike, counted, DTypeError, optionsOf, ShapeError } from "../../errors.ts";
import { axesOf, axisOf, type DType, type Float, floats, showShape } from "../../graph/shape.ts";
import { apply, checkTensors, type Op, type Tensor } from "../../graph/tensor.ts";
import { spread, summed, unfolded } from "../moves/layout.ts";
import { detach, reshape, slice } from "../moves/views.ts";
import { abs, add, cast, div, eq, gt, lt, maximum, mul, ne, sub, where } from "../pointwise/arithmetic.ts";
import { exp, log, pow, sqrt } from "../pointwise/elementary.ts";
import { finite } from "../pointwise/pointwise.ts";
import { onesLike, zerosLike } from "../sources/constants.ts";
import { reduceOp } from "./reduceOp.ts";

/** Axes to reduce: one, several, or all by default. */
export type Axes = number | readonly number[] | undefined;

/** Checks the arguments of a reduction. */
function checkFold(op: string, x: Tensor, keepdim: boolean): void {
  checkTensors(op, x);
  checkLike(op, "keepdim", keepdim, true);
}

function checkFloat(op: string, x: Tensor): void {
  if (!floats.includes(x.dtype)) throw new DTypeError(`${op}: operand is ${x.dtype}, expected f32: cast it first`);
}

/** Sum over axes (all by default). @param keepdim keeps reduced axes with size 1; default false. */
export function sum<D extends DType>(x: Tensor<D>, axes?: Axes, keepdim = false): Tensor<D> {
  checkFold("sum", x, keepdim);
  const folded = axesOf("sum", axes, x.shape.length);
  const y = summed(x, folded);
  return keepdim ? unfolded(y, x, folded) : y;
}

// Tied extremes share the gradient equally, as in PyTorch's amax and amin.
const shareTies = (dy: Tensor, y: Tensor, x: Tensor, axes: readonly number[]): Tensor => {
  const winners = eq(x, spread(y, x, axes));
  const count = sum(cast(winners, x.dtype), axes);
  return where(winners, spread(div(dy, count), x, axes), zerosLike(x));
};
const maxOp = /* @__PURE__ */ reduceOp(maxRule, shareTies);
const minOp = /* @__PURE__ */ reduceOp(minRule, shareTies);
// The gradient is the product of the other elements: y / x, but exact if one element is 0; with two zeros it is 0.
const prodOp: Op = /* @__PURE__ */ reduceOp(prodRule, (dy, _, x, axes) => {
  const isZero = eq(x, 0);
  const others = where(isZero, onesLike(x), x);
  const zeros = spread(sum(cast(isZero, x.dtype), axes), x, axes);
  const product = spread(mul(dy, apply(prodOp, [others], { axes })), x, axes);
  const single = where(isZero, where(eq(zeros, 1), product, zerosLike(x)), zerosLike(x));
  return where(eq(zeros, 0), div(product, others), single);
});

/** Applies a reduction; `keepdim` restores the reduced axes with size 1. */
function fold<D extends DType>(op: Op, x: Tensor<D>, axes: Axes, keepdim: boolean, name = op.name): Tensor<D> {
  checkFold(name, x, keepdim);
  const folded = axesOf(name, axes, x.shape.length);
  const y = folded.length === 0 ? x : apply<D>(op, [x], { axes: folded });
  return keepdim ? unfolded(y, x, folded) : y;
}

/** A sum times a factor, computed in f32, since the sum alone may overflow f16. */
const scaledSum = <D extends DType>(x: Tensor<D>, factor: number, axes: Axes, keepdim: boolean) =>
  cast(mul(sum(cast(x, "f32"), axes, keepdim), factor), x.dtype as D & Float);

/** Mean over axes (all by default). */
export function mean<D extends DType>(x: Tensor<D>, axes?: Axes, keepdim = false): Tensor<D & Float> {
  checkFold("mean", x, keepdim);
  checkFloat("mean", x);
  const count = axesOf("mean", axes, x.shape.length).reduce((n, axis) => n * x.shape[axis]!, 1);
  return scaledSum(x, 1 / count, axes, keepdim);
}

/**
 * Mean over an axis of the elements that a mask keeps, such as the tokens of padded texts: `[N, T, F]` with a mask
 * `[N, T]` → `[N, F]`. 0 where it keeps none. PyTorch's `torch.masked.mean`.
 * @param mask 1 to keep, 0 to leave out, i32 or f32; of the shape of x's first axes, up to `axis` at least, as
 * `padSequences` gives it. Elements left out have no effect, whatever they are. @param axis default 1.
 * @throws ShapeError for a mask of another shape; DTypeError unless x is float.
 */
export function maskedMean<D extends DType>(x: Tensor<D>, mask: Tensor, axis = 1): Tensor<D & Float> {
  const op = "maskedMean";
  checkTensors(op, x, mask);
  checkFloat(op, x);
  const along = axisOf(op, axis, x.shape.length);
  const rank = mask.shape.length;
  if (rank <= along || mask.shape.some((n, k) => n !== x.shape[k])) {
    const [given, expected] = [mask.shape, x.shape.slice(0, along + 1)].map(showShape);
    throw new ShapeError(`${op}: mask ${given} does not fit x ${showShape(x.shape)}, expected ${expected}`);
  }
  const keep = ne(reshape(mask, [...mask.shape, ...x.shape.slice(rank).fill(1)]), 0);
  const total = sum(cast(where(keep, x, zerosLike(x)), "f32"), along);
  return cast(div(total, maximum(sum(cast(keep, "f32"), along), 1)), x.dtype as D & Float);
}

/** Product over axes (all by default). Its gradient is exact even where elements are 0. */
export const prod = <D extends DType>(x: Tensor<D>, axes?: Axes, keepdim = false): Tensor<D> =>
  fold(prodOp, x, axes, keepdim);

/** Maximum over axes (all by default); tied elements share the gradient equally. PyTorch's `amax`. */
export const max = <D extends DType>(x: Tensor<D>, axes?: Axes, keepdim = false): Tensor<D> =>
  fold(maxOp, x, axes, keepdim);

/** Minimum over axes (all by default); tied elements share the gradient equally. PyTorch's `amin`. */
export const min = <D extends DType>(x: Tensor<D>, axes?: Axes, keepdim = false): Tensor<D> =>
  fold(minOp, x, axes, keepdim);

const counting =
  (name: string, op: Op) =>
  (x: Tensor, axes?: Axes, keepdim = false): Tensor<"i32"> => {
    checkFold(name, x, keepdim);
    // Not `ne`, which some adapters compute as false for NaN.
    return fold(op, eq(eq(x, 0), 0), axes, keepdim, name);
  };

/** 1 where any element over axes (all by default) is not 0, else 0, as i32. Accepts every dtype; has no gradient. */
export const any = /* @__PURE__ */ counting("any", maxOp);

/** 1 where no element over axes (all by default) is 0, else 0, as i32. Accepts every dtype; has no gradient. */
export const all = /* @__PURE__ */ counting("all", minOp);

/** x minus its first element along the axes: deviations from the mean stay the same, without a large common offset. */
export function withoutOffset<D extends DType>(x: Tensor<D>, axes: readonly number[]) {
  const offset = detach(
    slice(
      x,
      x.shape.map((_, axis) => (axes.includes(axis) ? [0, 1] : [])),
    ),
  );
  return { rest: sub(x, offset), offset };
}

/**
 * Variance over axes (all by default): the sum of squared deviations divided by n − correction. A common offset costs
 * no precision: the relative error is about 1e-6, plus at most 6e-8 · √n if the first element is an outlier.
 * @param correction default 1 (Bessel's); 0 gives the population variance.
 * @throws AttributeError if n − correction is not positive. (PyTorch returns infinity or NaN.)
 */
export function variance<D extends DType>(
  x: Tensor<D>,
  axes?: Axes,
  options: { correction?: number; keepdim?: boolean } = {},
): Tensor<D & Float> {
  return varianceOf("variance", x, axes, options);
}

function varianceOf<D extends DType>(
  op: string,
  x: Tensor<D>,
  axes: Axes,
  options: { correction?: number; keepdim?: boolean },
): Tensor<D & Float> {
  const { correction, keepdim } = optionsOf(op, options, { correction: 1, keepdim: false });
  checkFold(op, x, keepdim);
  const folded = axesOf(op, axes, x.shape.length);
  checkFloat(op, x);
  const count = folded.reduce((n, axis) => n * x.shape[axis]!, 1);
  if (!(count - correction > 0)) {
    throw new AttributeError(
      `${op}: ${counted(count, "element")} less the correction ${correction} is ${count - correction}, expected more than 0`,
    );
  }
  const { rest } = withoutOffset(x, folded);
  const deviation = sub(rest, mean(rest, axes, true));
  const factor = finite(op, "1 / (n − correction)", 1 / (count - correction));
  return scaledSum(mul(deviation, deviation), factor, axes, keepdim);
}

/** Standard deviation, the square root of `variance`; its gradient is 0 where all elements are equal. */
export const std = <D extends DType>(
  x: Tensor<D>,
  axes?: Axes,
  options: { correction?: number; keepdim?: boolean } = {},
): Tensor<D & Float> => safeSqrt(varianceOf("std", x, axes, options));

/** √x with gradient 0 at 0, where that of a root of a sum of squares is undefined. */
function safeSqrt<D extends DType>(x: Tensor<D>): Tensor<D & Float> {
  const positive = gt(x, 0);
  return where(positive, sqrt(where(positive, x, onesLike(x))), zerosLike(x));
}

/**
 * (Σ|x|ᵖ)^(1/p) over axes (all by default); the largest |x| for p = Infinity. Elements that are 0 get gradient 0.
 * @param p default 2; 0 counts the elements that are not 0.
 */
export function norm<D extends DType>(
  x: Tensor<D>,
  axes?: Axes,
  options: { p?: number; keepdim?: boolean } = {},
): Tensor<D> {
  const { p, keepdim } = optionsOf("norm", options, { p: 2, keepdim: false });
  checkFold("norm", x, keepdim);
  axesOf("norm", axes, x.shape.length);
  if (p === 0) return sum(where(eq(x, 0), zerosLike(x), onesLike(x)), axes, keepdim);
  if (p === Number.POSITIVE_INFINITY) return max(abs(x), axes, keepdim);
  if (p === Number.NEGATIVE_INFINITY) return min(abs(x), axes, keepdim);
  if (p === 1) return sum(abs(x), axes, keepdim);
  if (p === 2) return safeSqrt(sum(mul(x, x), axes, keepdim));
  finite("norm", "p", p);
  // |0|ᵖ has no finite gradient for p < 1, and no value for p < 0: replace 0 by a constant 1.
  const isZero = eq(x, 0);
  const power = pow(where(isZero, onesLike(x), abs(x)), p);
  if (p < 0) {
    const least = min(abs(x), axes, keepdim);
    const total = sum(power, axes, keepdim);
    return where(gt(least, 0), pow(total, 1 / p), zerosLike(total));
  }
  const total = sum(where(isZero, zerosLike(x), power), axes, keepdim);
  const positive = gt(total, 0);
  return where(positive, pow(where(positive, total, onesLike(total)), 1 / p), zerosLike(total));
}

/**
 * log Σ eˣ over axes (all by default), shifted by the maximum to avoid overflow. If all elements are −∞, it is −∞ with
 * gradient 0 (PyTorch's is NaN).
 */
export function logsumexp<D extends DType>(x: Tensor<D>, axes?: Axes, keepdim = false): Tensor<D & Float> {
  checkFold("logsumexp", x, keepdim);
  axesOf("logsumexp", axes, x.shape.length);
  const top = detach(max(x, axes, true));
  const bounded = lt(abs(top), largest);
  const shift = where(bounded, top, zerosLike(top));
  const total = sum(exp(sub(x, shift)), axes, true);
  const y = where(bounded, add(log(where(bounded, total, onesLike(total))), shift), top);
  return keepdim ? y : reshape(y, sum(x, axes).shape);
}

const largest = 3.4028234663852886e38;
