import { AttributeError, DTypeError, optionsOf } from "../errors.ts";
import { axesOf, type DType, type Float, floats } from "../graph/shape.ts";
import { apply, type Op, type Tensor } from "../graph/tensor.ts";
import { abs, add, cast, div, eq, gt, lt, mul, ne, sub, where } from "./arithmetic.ts";
import { onesLike, zerosLike } from "./constants.ts";
import { exp, log, pow, sqrt } from "./elementary.ts";
import { spread, unfolded } from "./layout.ts";
import { finite } from "./pointwise.ts";
import { reduceOp } from "./reduction.ts";
import { type Axes, checkFold, sum } from "./sum.ts";
import { detach, reshape, slice } from "./views.ts";

// Elements that tie for the extreme share the gradient equally, as amax and amin of PyTorch do.
const shareTies = (dy: Tensor, y: Tensor, x: Tensor, axes: readonly number[]): Tensor => {
  const winners = eq(x, spread(y, x, axes));
  const count = sum(cast(winners, x.dtype), axes);
  return where(winners, spread(div(dy, count), x, axes), zerosLike(x));
};
const maxOp = /* @__PURE__ */ reduceOp("max", shareTies);
const minOp = /* @__PURE__ */ reduceOp("min", shareTies);
// The product of the others: y / x, but exact where one element of a product is 0; two zeros leave nothing.
const prodOp: Op = /* @__PURE__ */ reduceOp("prod", (dy, _, x, axes) => {
  const isZero = eq(x, 0);
  const others = where(isZero, onesLike(x), x);
  const zeros = spread(sum(cast(isZero, x.dtype), axes), x, axes);
  const product = spread(mul(dy, apply(prodOp, [others], { axes })), x, axes);
  const single = where(isZero, where(eq(zeros, 1), product, zerosLike(x)), zerosLike(x));
  return where(eq(zeros, 0), div(product, others), single);
});

/** Applies a reduction, and puts the folded axes back as size 1 where asked to. */
function fold<D extends DType>(op: Op, x: Tensor<D>, axes: Axes, keepdim: boolean, name = op.name): Tensor<D> {
  checkFold(name, x, keepdim);
  const folded = axesOf(name, axes, x.shape.length);
  const y = folded.length === 0 ? x : apply<D>(op, [x], { axes: folded });
  return keepdim ? unfolded(y, x, folded) : y;
}

/** A factor times a sum, in f32: the sum alone may be larger than f16 numbers are. */
const scaledSum = <D extends DType>(x: Tensor<D>, factor: number, axes: Axes, keepdim: boolean) =>
  cast(mul(sum(cast(x, "f32"), axes, keepdim), factor), x.dtype as D & Float);

/** Mean over axes (all by default). */
export function mean<D extends DType>(x: Tensor<D>, axes?: Axes, keepdim = false): Tensor<D & Float> {
  checkFold("mean", x, keepdim);
  if (!floats.includes(x.dtype)) throw new DTypeError(`mean: operand is ${x.dtype}, expected f32: cast it first`);
  const count = axesOf("mean", axes, x.shape.length).reduce((n, axis) => n * x.shape[axis]!, 1);
  return scaledSum(x, 1 / count, axes, keepdim);
}

/** Product over axes (all by default). Its gradient is exact also where factors are 0. */
export const prod = <D extends DType>(x: Tensor<D>, axes?: Axes, keepdim = false): Tensor<D> =>
  fold(prodOp, x, axes, keepdim);

/** Largest element over axes (all by default); tied elements share the gradient equally. PyTorch's `amax`. */
export const max = <D extends DType>(x: Tensor<D>, axes?: Axes, keepdim = false): Tensor<D> =>
  fold(maxOp, x, axes, keepdim);

/** Smallest element over axes (all by default); tied elements share the gradient equally. PyTorch's `amin`. */
export const min = <D extends DType>(x: Tensor<D>, axes?: Axes, keepdim = false): Tensor<D> =>
  fold(minOp, x, axes, keepdim);

const counting =
  (name: string, op: Op) =>
  (x: Tensor, axes?: Axes, keepdim = false): Tensor<"i32"> => {
    checkFold(name, x, keepdim);
    return fold(op, ne(x, 0), axes, keepdim, name);
  };

/** 1 where any element over axes (all by default) is not 0, else 0, as i32. Takes every dtype, and has no gradient. */
export const any = /* @__PURE__ */ counting("any", maxOp);

/** 1 where no element over axes (all by default) is 0, else 0, as i32. Takes every dtype, and has no gradient. */
export const all = /* @__PURE__ */ counting("all", minOp);

/** x less its first element along the axes, which no deviation from a mean can tell from x: what is left of a large offset is small. */
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
 * Variance over axes (all by default): squared deviations over n − correction. An offset that all elements share costs no digits: the
 * relative error is some 1e-6, and at most 6e-8 · √n more where the first element is an outlier.
 * @param correction default 1 (Bessel's); 0 gives the variance of the data themselves.
 * @throws AttributeError where n − correction is not positive. (PyTorch gives infinity or NaN there.)
 */
export function variance<D extends DType>(
  x: Tensor<D>,
  axes?: Axes,
  options: { correction?: number; keepdim?: boolean } = {},
): Tensor<D & Float> {
  const { correction, keepdim } = optionsOf("var", options, { correction: 1, keepdim: false });
  checkFold("var", x, keepdim);
  const folded = axesOf("var", axes, x.shape.length);
  const count = folded.reduce((n, axis) => n * x.shape[axis]!, 1);
  if (!(count - correction > 0)) {
    throw new AttributeError(
      `var: ${count} elements less a correction of ${correction} leave ${count - correction}, expected more than 0`,
    );
  }
  const { rest } = withoutOffset(x, folded);
  const deviation = sub(rest, mean(rest, axes, true));
  const factor = finite("var", "1 / (n − correction)", 1 / (count - correction));
  return scaledSum(mul(deviation, deviation), factor, axes, keepdim);
}

/** Standard deviation, the root of `variance`; its gradient is 0 where all elements are equal. */
export const std = <D extends DType>(
  x: Tensor<D>,
  axes?: Axes,
  options: { correction?: number; keepdim?: boolean } = {},
): Tensor<D & Float> => safeSqrt(variance(x, axes, options));

/** √x with gradient 0 at 0: the root of a sum of squares has none there. */
function safeSqrt<D extends DType>(x: Tensor<D>): Tensor<D & Float> {
  const positive = gt(x, 0);
  return where(positive, sqrt(where(positive, x, onesLike(x))), zerosLike(x));
}

/**
 * (Σ|x|ᵖ)^(1/p) over axes (all by default); the largest |x| for p = Infinity. The gradient of elements that are 0 is 0.
 * @param p default 2; 0 counts the elements that are not 0.
 */
export function norm<D extends DType>(
  x: Tensor<D>,
  axes?: Axes,
  options: { p?: number; keepdim?: boolean } = {},
): Tensor<D> {
  const { p, keepdim } = optionsOf("norm", options, { p: 2, keepdim: false });
  checkFold("norm", x, keepdim);
  if (p === 0) return sum(where(eq(x, 0), zerosLike(x), onesLike(x)), axes, keepdim);
  if (p === Number.POSITIVE_INFINITY) return max(abs(x), axes, keepdim);
  if (p === Number.NEGATIVE_INFINITY) return min(abs(x), axes, keepdim);
  if (p === 1) return sum(abs(x), axes, keepdim);
  if (p === 2) return safeSqrt(sum(mul(x, x), axes, keepdim));
  finite("norm", "p", p);
  // |0|ᵖ has no finite gradient for p < 1, nor a value for p < 0: a 1 stands in its place, whose gradient goes nowhere.
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
 * log Σ eˣ over axes (all by default), shifted by the largest element so that nothing overflows. −∞ where all elements are, with
 * gradient 0 (PyTorch's is NaN).
 */
export function logsumexp<D extends DType>(x: Tensor<D>, axes?: Axes, keepdim = false): Tensor<D & Float> {
  checkFold("logsumexp", x, keepdim);
  const top = detach(max(x, axes, true));
  const bounded = lt(abs(top), largest);
  const shift = where(bounded, top, zerosLike(top));
  const total = sum(exp(sub(x, shift)), axes, true);
  const y = where(bounded, add(log(where(bounded, total, onesLike(total))), shift), top);
  return keepdim ? y : reshape(y, sum(x, axes).shape);
}

const largest = 3.4028234663852886e38;
