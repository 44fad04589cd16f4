import { erfText, expm1Text, log1pText } from "../../shaders/lib/math.wgsl.ts";
import { AttributeError, ShapeError } from "../errors.ts";
import { axisOf, type DType, type Float, floats, showShape } from "../graph/shape.ts";
import type { Tensor } from "../graph/tensor.ts";
import { abs, add, div, gt, le, mul, sub, where } from "./arithmetic.ts";
import { zerosLike } from "./constants.ts";
import { erf, erf64, exp } from "./elementary.ts";
import { finite, unary, unaryWith } from "./pointwise.ts";
import { literal } from "./program.ts";
import { max } from "./reduce.ts";
import { reshape } from "./views.ts";

/*
 * Activation functions: a row each, with PyTorch's names, defaults and conventions at kinks.
 */

/** max(x, 0); its gradient at 0 is 0. */
export const relu = /* @__PURE__ */ unary("relu", {
  wgsl: (x) => `max(${x}, F(0.0))`,
  js: (x) => Math.max(x, 0),
  half: true,
  takes: floats,
  vjp: (dy, y) => [where(gt(y, 0), dy, zerosLike(dy))],
});

/** 1 / (1 + e⁻ˣ). */
export const sigmoid = /* @__PURE__ */ unary("sigmoid", {
  wgsl: (x) => `F(1.0) / (F(1.0) + exp(min(-${x}, F(88.0))))`,
  js: (x) => 1 / (1 + Math.exp(-x)),
  takes: floats,
  flops: 6,
  vjp: (dy, y) => [mul(dy, mul(y, sub(1, y)))],
});

/** Hyperbolic tangent. Beyond ±9.02 it is 1 in f32, so the argument is held there: some drivers overflow. */
export const tanh = /* @__PURE__ */ unary("tanh", {
  wgsl: (x) => `tanh(clamp(${x}, F(-9.02), F(9.02)))`,
  js: Math.tanh,
  takes: floats,
  flops: 6,
  vjp: (dy, y) => [mul(dy, sub(1, mul(y, y)))],
});

/** x / (1 + |x|), which nears ±1 more slowly than tanh does (Bergstra et al., 2009). */
export const softsign = /* @__PURE__ */ unary("softsign", {
  wgsl: (x) => `${x} / (F(1.0) + abs(${x}))`,
  js: (x) => x / (1 + Math.abs(x)),
  takes: floats,
  flops: 3,
  vjp: (dy, y) => {
    const inverse = sub(1, abs(y)); // 1 / (1 + |x|)
    return [mul(dy, mul(inverse, inverse))];
  },
});

/** x · sigmoid(x), also called swish. */
export const silu = /* @__PURE__ */ unary("silu", {
  wgsl: (x) => `${x} / (F(1.0) + exp(min(-${x}, F(88.0))))`,
  js: (x) => x / (1 + Math.exp(-x)),
  takes: floats,
  flops: 6,
  vjp: (dy, _, x) => {
    const s = sigmoid(x!);
    return [mul(dy, mul(s, add(1, mul(x!, sub(1, s)))))];
  },
});

const leaky = /* @__PURE__ */ unaryWith<{ slope: number }>("leakyRelu", ({ slope }) => ({
  wgsl: (x) => `select(${x} * ${literal(slope)}, ${x}, ${x} > F(0.0))`,
  js: (x) => (x > 0 ? x : slope * x),
  takes: floats,
  vjp: (dy, _, x) => [where(gt(x!, 0), dy, mul(dy, slope))],
}));

/** x where positive, else slope · x. @param slope default 0.01; it is also the gradient at 0. */
export const leakyRelu = <D extends DType>(x: Tensor<D>, slope = 0.01): Tensor<D & Float> =>
  leaky(x, { slope: finite("leakyRelu", "slope", slope) });

const exponential = /* @__PURE__ */ unaryWith<{ alpha: number; scale: number }>(
  "elu",
  ({ alpha, scale }) => ({
    wgsl: (x) => `${literal(scale)} * select(${literal(alpha)} * expm1(${x}), ${x}, ${x} > F(0.0))`,
    js: (x) => scale * (x > 0 ? x : alpha * Math.expm1(x)),
    takes: floats,
    vjp: (dy, _, x) => [where(gt(x!, 0), mul(dy, scale), mul(dy, mul(exp(x!), scale * alpha)))],
  }),
  { lib: [expm1Text], flops: 6 },
);

/** x where positive, else α(eˣ − 1). @param alpha default 1. */
export const elu = <D extends DType>(x: Tensor<D>, alpha = 1): Tensor<D & Float> =>
  exponential(x, { alpha: finite("elu", "alpha", alpha), scale: 1 });

/** Scaled ELU that keeps activations normalised (Klambauer et al., 2017). */
export const selu = <D extends DType>(x: Tensor<D>): Tensor<D & Float> =>
  exponential(x, { alpha: 1.6732632423543772, scale: 1.0507009873554805 });

const geluErf = /* @__PURE__ */ unary("gelu", {
  wgsl: (x) => `F(0.5) * ${x} * (F(1.0) + erf(${x} * F(${Math.SQRT1_2})))`,
  js: (x) => 0.5 * x * (1 + erf64(x * Math.SQRT1_2)),
  lib: [erfText],
  takes: floats,
  flops: 24,
  vjp: (dy, _, x) => {
    const cdf = mul(add(erf(mul(x!, Math.SQRT1_2)), 1), 0.5);
    const pdf = mul(exp(mul(mul(x!, x!), -0.5)), 1 / Math.sqrt(2 * Math.PI));
    return [mul(dy, add(cdf, mul(x!, pdf)))];
  },
});

const slope = /* @__PURE__ */ Math.sqrt(2 / Math.PI);

const geluTanh = /* @__PURE__ */ unary("geluTanh", {
  wgsl: (x) =>
    `F(0.5) * ${x} * (F(1.0) + tanh(clamp(F(${slope}) * (${x} + F(0.044715) * ${x} * ${x} * ${x}), F(-9.02), F(9.02))))`,
  js: (x) => 0.5 * x * (1 + Math.tanh(slope * (x + 0.044715 * x ** 3))),
  takes: floats,
  flops: 14,
  vjp: (dy, _, x) => {
    const square = mul(x!, x!);
    const t = tanh(mul(mul(x!, add(mul(square, 0.044715), 1)), slope));
    const inner = mul(add(mul(square, 3 * 0.044715), 1), slope);
    return [mul(dy, mul(add(add(t, 1), mul(mul(x!, sub(1, mul(t, t))), inner)), 0.5))];
  },
});

/** x · Φ(x). @param approximate "none" (default) uses erf, "tanh" the tanh form (Hendrycks & Gimpel, 2016). */
export function gelu<D extends DType>(x: Tensor<D>, approximate: "none" | "tanh" = "none"): Tensor<D & Float> {
  if (approximate === "none") return geluErf(x);
  if (approximate === "tanh") return geluTanh(x);
  throw new AttributeError(`gelu: approximate is "${approximate}", expected "none" or "tanh"`);
}

const softplusOf = /* @__PURE__ */ unaryWith<{ beta: number; threshold: number }>(
  "softplus",
  ({ beta, threshold }) => ({
    // log(1 + e^z) = max(z, 0) + log1p(e^−|z|) never overflows.
    wgsl: (x) => {
      const z = `${x} * ${literal(beta)}`;
      const curve = `(max(${z}, F(0.0)) + log1p(exp(-abs(${z})))) * ${literal(1 / beta)}`;
      return `select(${curve}, ${x}, ${z} > ${literal(threshold)})`;
    },
    js: (x) => (x * beta > threshold ? x : (Math.max(x * beta, 0) + Math.log1p(Math.exp(-Math.abs(x * beta)))) / beta),
    takes: floats,
    vjp: (dy, _, x) => [where(gt(mul(x!, beta), threshold), dy, mul(dy, sigmoid(mul(x!, beta))))],
  }),
  { lib: [log1pText], flops: 12, wide: true },
);

/** log(1 + e^(βx)) / β, and x itself where βx exceeds the threshold. @param options β, default 1; threshold, default 20. */
export function softplus<D extends DType>(
  x: Tensor<D>,
  { beta = 1, threshold = 20 }: { beta?: number; threshold?: number } = {},
): Tensor<D & Float> {
  if (!(beta > 0)) throw new AttributeError(`softplus: beta is ${beta}, expected a positive number`);
  return softplusOf(x, {
    beta: finite("softplus", "beta", beta),
    threshold: finite("softplus", "threshold", threshold),
  });
}

/** x · min(max(x + 3, 0), 6) / 6. */
export const hardswish = /* @__PURE__ */ unary("hardswish", {
  wgsl: (x) => `${x} * clamp(${x} + F(3.0), F(0.0), F(6.0)) / F(6.0)`,
  js: (x) => (x * Math.min(Math.max(x + 3, 0), 6)) / 6,
  takes: floats,
  flops: 5,
  vjp: (dy, _, x) => {
    const bend = mul(dy, div(add(mul(x!, 2), 3), 6));
    return [where(le(x!, -3), zerosLike(dy), where(gt(x!, 3), dy, bend))];
  },
});

const mishText = `
fn mish(x: F) -> F {
  let e = exp(min(x, F(20.0)));
  let n = e * (e + F(2.0));
  return x * (n / (n + F(2.0)));
}`;

/** x · tanh(log(1 + eˣ)), computed as x · n / (n + 2) with n = eˣ(eˣ + 2). */
export const mish = /* @__PURE__ */ unary("mish", {
  wgsl: (x) => `mish(${x})`,
  lib: [mishText],
  js: (x) => x * Math.tanh(Math.log1p(Math.exp(x))),
  takes: floats,
  flops: 14,
  vjp: (dy, _, x) => {
    const t = tanh(softplus(x!));
    return [mul(dy, add(t, mul(mul(x!, sigmoid(x!)), sub(1, mul(t, t)))))];
  },
});

/**
 * Maxout (Goodfellow et al., 2013): splits an axis of size F·k into F groups of k neighbours and keeps the largest of each.
 * @param pieces k.
 * @param axis default 1.
 */
export function maxout<D extends DType>(x: Tensor<D>, pieces: number, axis = 1): Tensor<D> {
  const at = axisOf("maxout", axis, x.shape.length);
  const features = x.shape[at]! / pieces;
  if (!Number.isInteger(features)) {
    throw new ShapeError(`maxout: axis ${at} of ${showShape(x.shape)} does not divide into groups of ${pieces}`);
  }
  return max(reshape(x, [...x.shape.slice(0, at), features, pieces, ...x.shape.slice(at + 1)]), at + 1);
}
