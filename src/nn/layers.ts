import { AttributeError, checkNumber, checkWhole, optionsOf, show } from "../errors.ts";
import type { DType } from "../graph/shape.ts";
import { checkTensors, type Tensor, type Variable } from "../graph/tensor.ts";
import { logSoftmax as logSoftmaxOp, softmax as softmaxOp } from "../ops/lines/softmax.ts";
import { flatten as flattenOp } from "../ops/moves/views.ts";
import { linear as linearOp } from "../ops/network/matmul.ts";
import * as activations from "../ops/pointwise/activations.ts";
import { lt, mul, where } from "../ops/pointwise/arithmetic.ts";
import { full, variable, zerosLike } from "../ops/sources/constants.ts";
import type { Random } from "../ops/sources/random.ts";
import { type Initializer, random as sharedRandom, uniform } from "./init.ts";
import { type Mode, type Module, type Moving, module, plain } from "./module.ts";

/** Options of `linear`. */
export interface LinearOptions {
  /** Whether to add a bias; default true. */
  readonly bias?: boolean;
  /** Initial values of the weight `[out, in]`; default uniform within ±1/√in, as in PyTorch. */
  readonly weightInit?: Initializer;
  /** Initial values of the bias `[out]`; default as those of the weight. */
  readonly biasInit?: Initializer;
}

/** y = x · weightᵀ + bias over the last axis: `[…, inputs]` → `[…, outputs]`. Variables `weight` and `bias`. */
export function linear(inputs: number, outputs: number, options: LinearOptions = {}): Module {
  checkWhole("nn.linear", "inputs", inputs);
  checkWhole("nn.linear", "outputs", outputs);
  const fallback = uniform(1 / Math.sqrt(inputs));
  const { bias, weightInit, biasInit } = optionsOf("nn.linear", options, {
    bias: true,
    weightInit: fallback,
    biasInit: fallback,
  });
  const weight = variable(weightInit([outputs, inputs]), [outputs, inputs], { name: "weight" });
  const shift = bias ? variable(biasInit([outputs]), [outputs], { name: "bias" }) : undefined;
  const variables: Record<string, Variable> = shift ? { weight, bias: shift } : { weight };
  return module((x) => linearOp(x, weight, shift), variables, "nn.linear", [inputs, outputs, { bias }]);
}

/**
 * In training, zeroes elements with probability p and scales the others by 1 / (1 − p); does nothing in evaluation. The
 * mask is a function of seed, step and position, so the backward pass recomputes it instead of storing it.
 * @param p default 0.5. @param source default the one shared by all layers, seeded by `nn.seed`.
 */
export function dropout(p = 0.5, source?: Random): Module {
  checkNumber("nn.dropout", "p", p, "a probability from 0 to 1", (n) => n >= 0 && n <= 1);
  if (source !== undefined && typeof source?.uniform !== "function")
    throw new AttributeError(`nn.dropout: source is ${show(source)}, expected a Random`);
  const draws = source ?? sharedRandom();
  const forward = (x: Tensor, mode: Mode): Tensor => {
    checkTensors("nn.dropout", x);
    if (p === 0 || !mode.training) return x;
    const dropped = lt(draws.uniform(x.shape), p);
    return where(dropped, zerosLike(x), mul(x, p === 1 ? 0 : 1 / (1 - p)));
  };
  return module(forward, {}, "nn.dropout", [p]);
}

/**
 * A layer around a function. It calls the function once, so that invalid arguments fail on the line that creates the
 * layer.
 */
function activation<D extends DType>(name: string, forward: (x: Tensor) => Tensor<D>, ...args: readonly unknown[]) {
  forward(full([], 0));
  return plain(name, forward, ...args);
}

/** Refuses an axis that is not a whole number. */
const axisOf = (layer: string, axis: number): number =>
  checkNumber(`nn.${layer}`, "axis", axis, "a whole number", Number.isInteger);

/** Merges all axes from `first` on (default 1: all but the batch). */
export function flatten(first = 1): Moving {
  axisOf("flatten", first);
  return plain("nn.flatten", (x) => flattenOp(x, first), first) as Moving;
}

/** max(x, 0). */
export const relu = (): Module => plain("nn.relu", activations.relu);
/** 1 / (1 + e⁻ˣ). */
export const sigmoid = (): Module => plain("nn.sigmoid", activations.sigmoid);
/** Hyperbolic tangent. */
export const tanh = (): Module => plain("nn.tanh", activations.tanh);
/** x where positive, else slope · x. @param slope default 0.01. */
export const leakyRelu = (slope = 0.01): Module =>
  activation("nn.leakyRelu", (x) => activations.leakyRelu(x, slope), slope);
/** x where positive, else α(eˣ − 1). @param alpha default 1. */
export const elu = (alpha = 1): Module => activation("nn.elu", (x) => activations.elu(x, alpha), alpha);
/** Scaled ELU (Klambauer et al., 2017). */
export const selu = (): Module => plain("nn.selu", activations.selu);
/** x · Φ(x). @param approximate "none" (default, by erf) or "tanh". */
export const gelu = (approximate: "none" | "tanh" = "none"): Module =>
  activation("nn.gelu", (x) => activations.gelu(x, approximate), approximate);
/** log(1 + e^(βx)) / β. @param options β, default 1; threshold of βx beyond which it is x itself, default 20. */
export const softplus = (options: { beta?: number; threshold?: number } = {}): Module =>
  activation("nn.softplus", (x) => activations.softplus(x, options), options);
/** x / (1 + |x|). */
export const softsign = (): Module => plain("nn.softsign", activations.softsign);
/** x · sigmoid(x), also called swish. */
export const silu = (): Module => plain("nn.silu", activations.silu);
/** x · min(max(x + 3, 0), 6) / 6. */
export const hardswish = (): Module => plain("nn.hardswish", activations.hardswish);
/** x · tanh(log(1 + eˣ)). */
export const mish = (): Module => plain("nn.mish", activations.mish);
/** The largest of each group of neighbours. @param pieces size of a group. @param axis default 1. */
export function maxout(pieces: number, axis = 1): Moving {
  checkWhole("nn.maxout", "pieces", pieces);
  axisOf("maxout", axis);
  return plain("nn.maxout", (x) => activations.maxout(x, pieces, axis), pieces, axis) as Moving;
}
/** eˣ / Σ eˣ. @param axis default the last. */
export function softmax(axis = -1): Module {
  axisOf("softmax", axis);
  return plain("nn.softmax", (x) => softmaxOp(x, axis), axis);
}
/** Logarithm of the softmax. @param axis default the last. */
export function logSoftmax(axis = -1): Module {
  axisOf("logSoftmax", axis);
  return plain("nn.logSoftmax", (x) => logSoftmaxOp(x, axis), axis);
}
