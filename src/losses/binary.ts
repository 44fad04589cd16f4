import { optionsOf } from "../errors.ts";
import { type DType, floats } from "../graph/shape.ts";
import { checkTensor, type Tensor } from "../graph/tensor.ts";
import { softplus } from "../ops/pointwise/activations.ts";
import { add, clamp, div, gt, maximum, mul, neg, sub, where } from "../ops/pointwise/arithmetic.ts";
import { log } from "../ops/pointwise/elementary.ts";
import { binary, broadcast, type Operand } from "../ops/pointwise/pointwise.ts";
import { checkSame, defaults, type LossOptions, reduced } from "./reduction.ts";

/*
 * Losses for two classes: targets 0 or 1 (or a probability) for the cross-entropies, −1 or 1 for the hinges.
 */

/** log x, but at least −100, also at x = 0. */
const clampedLog = (x: Tensor): Tensor => where(gt(x, 0), maximum(log(x), -100), -100);

const clampedLogText = `
fn clampedLog(x: F) -> F { return select(F(-100.0), max(log(x), F(-100.0)), x > F(0.0)); }`;

/**
 * −y log x − (1 − y) log(1 − x), with each logarithm at least −100. As in PyTorch, the gradient stays finite at 0 and
 * 1.
 */
const crossEntropyOf = /* @__PURE__ */ binary("binaryCrossEntropy", {
  wgsl: (x, y) => `-(${y} * clampedLog(${x}) + (F(1.0) - ${y}) * clampedLog(F(1.0) - ${x}))`,
  js: (x, y) => -(y * Math.max(Math.log(x), -100) + (1 - y) * Math.max(Math.log(1 - x), -100)),
  lib: [clampedLogText],
  takes: floats,
  flops: 14,
  vjp: (dy, _, x, y) => [
    mul(dy, div(sub(x!, y!), maximum(mul(x!, sub(1, x!)), 1e-12))),
    mul(dy, sub(clampedLog(sub(1, x!)), clampedLog(x!))),
  ],
});

/** How losses are weighted and averaged. */
export interface WeightedOptions extends LossOptions {
  /** Factor of each loss; broadcasts. Default 1. */
  readonly weight?: Tensor;
}

/**
 * Binary cross-entropy of probabilities: −w(y log x + (1 − y) log(1 − x)), with logarithms clamped to −100 as in
 * PyTorch. For logits use `bceWithLogits`, which is exact.
 * @param input probabilities in [0, 1].
 * @param target of the same shape, in [0, 1].
 */
export function bce<A extends DType, B extends DType>(
  input: Tensor<A>,
  target: Tensor<B>,
  options: WeightedOptions = {},
): Tensor<A & B> {
  const { weight, reduction } = optionsOf("bce", options, { weight: undefined, ...defaults });
  checkSame("bce", input, target);
  return reduced("bce", weighted("bce", crossEntropyOf(input, target), weight), reduction);
}

/**
 * Binary cross-entropy of logits: −w(p y log σ(x) + (1 − y) log(1 − σ(x))), computed without overflow as
 * w(softplus(x) − x y), or with p as w((1 − y)x + (1 + (p − 1)y) softplus(−x)).
 * @param input logits.
 * @param target of the same shape, in [0, 1].
 * @param options `weight` w and `posWeight` p, the factor of positive targets; both broadcast.
 */
export function bceWithLogits<A extends DType, B extends DType>(
  input: Tensor<A>,
  target: Tensor<B>,
  options: WeightedOptions & { posWeight?: Operand } = {},
): Tensor<A & B> {
  const { weight, posWeight, reduction } = optionsOf("bceWithLogits", options, {
    weight: undefined,
    posWeight: undefined,
    ...defaults,
  });
  checkSame("bceWithLogits", input, target);
  const threshold = 1e30; // No linear approximation anywhere.
  if (posWeight === undefined) {
    const losses = sub(softplus(input, { threshold }), mul(input, target));
    return reduced("bceWithLogits", weighted("bceWithLogits", losses, weight), reduction);
  }
  checkFactor("bceWithLogits", "posWeight", posWeight);
  const [positive, share] = broadcast("bceWithLogits", [posWeight, target]);
  const factor = add(mul(sub(positive!, 1), share!), 1);
  const losses = add(mul(sub(1, target), input), mul(factor, softplus(neg(input), { threshold })));
  return reduced("bceWithLogits", weighted("bceWithLogits", losses, weight), reduction);
}

function checkFactor(op: string, name: string, value: unknown): void {
  if (!Number.isFinite(value)) checkTensor(op, name, value);
}

function weighted<D extends DType>(op: string, losses: Tensor<D>, weight: Tensor | undefined): Tensor<D> {
  if (weight === undefined) return losses;
  checkFactor(op, "weight", weight);
  const [each, factor] = broadcast(op, [losses, weight]);
  return mul(each!, factor!) as Tensor<D>;
}

/** max(0, 1 − y x) for targets −1 and 1. The gradient passes at the margin itself. */
export function hinge<A extends DType, B extends DType>(
  input: Tensor<A>,
  target: Tensor<B>,
  options: LossOptions = {},
): Tensor<A & B> {
  const { reduction } = optionsOf("hinge", options, defaults);
  checkSame("hinge", input, target);
  return reduced("hinge", margin(input, target), reduction);
}

/** The square of `hinge`. */
export function squaredHinge<A extends DType, B extends DType>(
  input: Tensor<A>,
  target: Tensor<B>,
  options: LossOptions = {},
): Tensor<A & B> {
  const { reduction } = optionsOf("squaredHinge", options, defaults);
  checkSame("squaredHinge", input, target);
  const missing = margin(input, target);
  return reduced("squaredHinge", mul(missing, missing), reduction);
}

const margin = <A extends DType, B extends DType>(input: Tensor<A>, target: Tensor<B>) =>
  clamp(sub(1, mul(input, target)), { min: 0 });
