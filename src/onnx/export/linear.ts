import { sameShape } from "../../graph/shape.ts";
import type { Tensor } from "../../graph/tensor.ts";
import { numberOf, stripped } from "../../ops/idioms.ts";

/** Whether a tensor is the result of this op. */
export const named = (tensor: Tensor | undefined, op: string): tensor is Tensor => tensor?.node.op.name === op;

/** What a reshape reshapes, or the tensor itself. */
export const unshaped = (tensor: Tensor): Tensor => (named(tensor, "reshape") ? tensor.node.inputs[0]! : tensor);

/** Whether a tensor repeats one number. */
export const isFull = (tensor: Tensor): boolean => numberOf(tensor) !== undefined;

/** A value per channel `[C]` that was spread over images `[N, C, …]`: as `[C, 1, …]` it lies along axis 1. */
export function ofChannels(tensor: Tensor): Tensor | undefined {
  const spread = stripped(tensor);
  const value = unshaped(spread);
  const [, channels, ...others] = tensor.shape as [number, number, ...number[]];
  const isAlong = sameShape(spread.shape, [channels, ...others.map(() => 1)]);
  return isAlong && sameShape(value.shape, [channels]) ? value : undefined;
}

export interface Linear {
  readonly x: Tensor;
  readonly weight: Tensor;
  readonly bias?: Tensor;
}

/**
 * x · weightᵀ + bias over the last axis, as `linear` builds it: rows are one matrix.
 * @param within what stands for a value that is computed on the way; default: itself.
 */
export function linearOf(tensor: Tensor, within = (value: Tensor) => value): Linear | undefined {
  const isReshaped = named(tensor, "reshape");
  const inner = within(unshaped(tensor));
  const hasBias = named(inner, "add");
  const bias = hasBias ? stripped(inner.node.inputs[1]!) : undefined;
  const product = hasBias ? within(inner.node.inputs[0]!) : inner;
  if (!named(product, "matmul") || product.shape.length !== 2) return undefined;
  const [rows, turned] = product.node.inputs as [Tensor, Tensor];
  if (!named(turned, "permute")) return undefined;
  const [weight] = turned.node.inputs as [Tensor];
  if (bias && (isFull(bias) || !sameShape(bias.shape, [weight.shape[0]!]))) return undefined;
  const x = isReshaped ? unshaped(rows) : rows;
  if (!sameShape(tensor.shape, [...x.shape.slice(0, -1), weight.shape[0]!])) return undefined;
  return { x, weight, ...(bias && { bias }) };
}
