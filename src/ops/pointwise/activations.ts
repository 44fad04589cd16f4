import { expm1Text, log1pText, shareBelowText, sigmoidText, tangentText } from "../../../shaders/lib/math.wgsl.ts";
import { checkChoice, checkNumber, checkWhole, optionsOf, ShapeError } from "../../errors.ts";
import { axisOf, type DType, type Float, floats, showShape } from "../../graph/shape.ts";
import { checkTensors, type Tensor } from "../../graph/tensor.ts";
import { literal } from "../../kernels/render.ts";
import { max } from "../lines/reduce.ts";
import { reshape } from "../moves/views.ts";
import { zerosLike } from "../sources/constants.ts";
import { abs, add, clamp, div, gt, le, mul, sub, where } from "./arithmetic.ts";
import { erf, erfc64, exp } from "./elementary.ts";
import { finite, unary, unaryWith } from "./pointwise.ts";

/*
 * Activation functions, one row each, with PyTorch's names, defaults and conventions at kinks. Errors are stated and
 * tested as in elementary.ts. None overflows for finite x.
 */

/** max(x, 0). Exact, as are both gradients; at 0 they are 0. */
export const relu = /* @__PURE__ */ unary("relu", {
  wgsl: (x, float) => `max(${x}, ${float}(0.0))`,
  js: (x) => Math.max(x, 0),
  half: true,
  takes: floats,
  vjp: (dy, y) => [where(gt(y, 0), dy, zerosLike(dy))],
});

/**
 * 1 / (1 + e⁻ˣ). Error: (6 + 2|x|) u; of the gradient: (8 + 2|x|) u + 2e-7 in all; of the second: (8 + 2|x|) u + 2e-7
 * in all.
 */
export const sigmoid = /* @__PURE__ */ unary("sigmoid", {
  wgsl: (x) => `sigmoid(${x})`,
  js: (x) => 1 / (1 + Math.exp(-x)),
  lib: [sigmoidText],
  takes: floats,
  flops: 6,
  vjp: (dy, y) => [mul(dy, mul(y, sub(1, y)))],
});

/** Hyperbolic tangent. Error: 6 u; of the gradient: 1e-6 in all; of the second: 2e-6 in all. */
export const tanh = /* @__PURE__ */ unary("tanh", {
  wgsl: (x) => `tangent(${x})`,
  js: Math.tanh,
  lib: [tangentText],
  takes: floats,
  flops: 6,
  vjp: (dy, y) => [mul(dy, sub(1, mul(y, y)))],
});

/**
 * x / (1 + |x|), which approaches ±1 more slowly than tanh (Bergstra et al., 2009). Error: 4 u; of the gradient: 4e-7
 * in all; of the second: 4e-7 in all.
 */
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

/**
 * x · sigmoid(x), also called swish. Error: (8 + 2|x|) u; of the gradient: (8 + 2|x|) u + 4e-6 in all; of the second:
 * (8 + 2|x|) u + 4e-6 in all.
 */
export const silu = /* @__PURE__ */ unary("silu", {
  wgsl: (x) => `${x} * sigmoid(${x})`,
  js: (x) => x / (1 + Math.exp(-x)),
  lib: [sigmoidText],
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

/**
 * x where positive, else slope · x. Error: 1 u, of both gradients, too.
 * @param slope default 0.01; it is also the gradient at 0.
 */
export const leakyRelu = <D extends DType>(x: Tensor<D>, slope = 0.01): Tensor<D & Float> =>
  leaky(x, { slope: finite("leakyRelu", "slope", slope) });

const exponential = /* @__PURE__ */ unaryWith<{ alpha: number; scale: number }>(
  "elu",
  ({ alpha, scale }) => ({
    wgsl: (x) => `${literal(scale)} * select(${literal(alpha)} * expm1(${x}), ${x}, ${x} > F(0.0))`,
    js: (x) => scale * (x > 0 ? x : alpha * Math.expm1(x)),
    takes: floats,
    // The branch not taken must stay finite, since its gradient is multiplied by 0.
    vjp: (dy, _, x) => [where(gt(x!, 0), mul(dy, scale), mul(dy, mul(exp(clamp(x!, { max: 0 })), scale * alpha)))],
  }),
  { lib: [expm1Text], flops: 6 },
);

/** x where positive, else α(eˣ − 1). Error: (14 + 2|x|) u, of both gradients, too. @param alpha default 1. */
export const elu = <D extends DType>(x: Tensor<D>, alpha = 1): Tensor<D & Float> =>
  exponential(x, { alpha: finite("elu", "alpha", alpha), scale: 1 });

/**
 * Scaled ELU, which keeps activations normalised (Klambauer et al., 2017). Error: (14 + 2|x|) u, of both gradients,
 * too.
 */
export const selu = <D extends DType>(x: Tensor<D>): Tensor<D & Float> => {
  checkTensors("selu", x);
  return exponential(x, { alpha: 1.6732632423543772, scale: 1.0507009873554805 });
};

const geluErf = /* @__PURE__ */ unary("gelu", {
  wgsl: (x) => `${x} * shareBelow(${x})`,
  js: (x) => 0.5 * x * erfc64(-x * Math.SQRT1_2),
  lib: shareBelowText,
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
  // (1 + tanh u) / 2 is sigmoid(2u).
  wgsl: (x) => `${x} * sigmoid(F(${2 * slope}) * (${x} + F(0.044715) * ${x} * ${x} * ${x}))`,
  js: (x) => x / (1 + Math.exp(-2 * slope * (x + 0.044715 * x ** 3))),
  lib: [sigmoidText],
  takes: floats,
  flops: 14,
  vjp: (dy, _, x) => {
    // Beyond ±16 the curve is a straight line; clamping avoids overflow.
    const c = clamp(x!, { min: -16, max: 16 });
    const square = mul(c, c);
    const s = sigmoid(mul(mul(c, add(mul(square, 0.044715), 1)), 2 * slope));
    const inner = mul(add(mul(square, 3 * 0.044715), 1), 2 * slope);
    return [mul(dy, add(s, mul(mul(c, mul(s, sub(1, s))), inner)))];
  },
});

/**
 * x · Φ(x). Error: (8 + 4x²) u; of the gradient: 4 u + 1e-6 in all; of the second: 4 u + 1e-6 in all. Error of the tanh
 * form: (8 + 8|x|³) u; of the gradient: 4 u + 5e-6 in all; of the second: 4 u + 3e-5 in all.
 * @param approximate "none" (default) uses erf, "tanh" the tanh form (Hendrycks & Gimpel, 2016).
 */
export function gelu<D extends DType>(x: Tensor<D>, approximate: "none" | "tanh" = "none"): Tensor<D & Float> {
  checkTensors("gelu", x);
  return checkChoice("gelu", "approximate", approximate, ["none", "tanh"]) === "none" ? geluErf(x) : geluTanh(x);
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

/**
 * log(1 + e^(βx)) / β, or x where βx exceeds the threshold. Error with the defaults: (8 + 2|x|) u; of the gradient: (8
 * + 2|x|) u + 3e-7 in all; of the second: (8 + 2|x|) u + 3e-7 in all.
 * @param options β, default 1; threshold, default 20.
 */
export function softplus<D extends DType>(
  x: Tensor<D>,
  options: { beta?: number; threshold?: number } = {},
): Tensor<D & Float> {
  const { beta, threshold } = optionsOf("softplus", options, { beta: 1, threshold: 20 });
  checkNumber("softplus", "beta", beta, "a positive number", (n) => n > 0);
  return softplusOf(x, {
    beta: finite("softplus", "beta", beta),
    threshold: finite("softplus", "threshold", threshold),
  });
}

/** x · min(max(x + 3, 0), 6) / 6. Error: 4 u; of the gradient: 4 u + 2e-7 in all; of the second: 4 u + 2e-7 in all. */
export const hardswish = /* @__PURE__ */ unary("hardswish", {
  wgsl: (x) => `${x} * (clamp(${x} + F(3.0), F(0.0), F(6.0)) / F(6.0))`,
  js: (x) => x * (Math.min(Math.max(x + 3, 0), 6) / 6),
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

/**
 * x · tanh(log(1 + eˣ)), computed as x · n / (n + 2) with n = eˣ(eˣ + 2). Error: (12 + 2|x|) u; of the gradient: (8 +
 * 2|x|) u + 2e-6 in all; of the second: 8 u + 4e-6 in all.
 */
export const mish = /* @__PURE__ */ unary("mish", {
  wgsl: (x) => `mish(${x})`,
  lib: [mishText],
  js: (x) => x * Math.tanh(Math.log1p(Math.exp(x))),
  takes: floats,
  flops: 14,
  vjp: (dy, _, x) => {
    // Beyond 30 the curve is a straight line; clamping avoids overflow.
    const c = clamp(x!, { max: 30 });
    const t = tanh(softplus(c));
    return [mul(dy, add(t, mul(mul(c, sigmoid(c)), sub(1, mul(t, t)))))];
  },
});

/**
 * Maxout (Goodfellow et al., 2013): splits an axis of size F·k into F groups of k adjacent elements and takes the
 * maximum of each. Exact, as are both gradients.
 * @param pieces k.
 * @param axis default 1.
 */
export function maxout<D extends DType>(x: Tensor<D>, pieces: number, axis = 1): Tensor<D> {
  checkTensors("maxout", x);
  const at = axisOf("maxout", axis, x.shape.length);
  checkWhole("maxout", "pieces", pieces);
  const features = x.shape[at]! / pieces;
  if (!Number.isInteger(features)) {
    throw new ShapeError(`maxout: axis ${at} of ${showShape(x.shape)} does not divide into groups of ${pieces}`);
  }
  return max(reshape(x, [...x.shape.slice(0, at), features, pieces, ...x.shape.slice(at + 1)]), at + 1);
}
