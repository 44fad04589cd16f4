import { rowMajor, type Shape, sameShape, sizeOf } from "../graph/shape.ts";
import { fullValue, type Node, type Op, type Tensor } from "../graph/tensor.ts";
import { kernelsOf } from "../kernels/lowering.ts";

/*
 * What some nodes mean together: a repeated number, a mean, a count along an axis. Writers of other formats read graphs
 * with these; programs do not need them.
 */

/** What an operand repeats, without the repetition. */
export function stripped(tensor: Tensor): Tensor {
  return tensor.node.op.name === "expand" ? stripped(tensor.node.inputs[0]!) : tensor;
}

/** The number that a tensor repeats. */
export const numberOf = (tensor: Tensor): number | undefined => fullValue(stripped(tensor));

/** What a node is the mean of: a sum times one by the count. `keeps`: the axes stay, with size 1. */
export function meanOf({ op, inputs: [sum, factor] }: Node): Mean | undefined {
  const value = op.name === "mul" ? numberOf(factor!) : undefined;
  if (value === undefined) return undefined;
  const keeps = sum!.node.op.name === "reshape";
  const { node } = keeps ? sum!.node.inputs[0]! : sum!;
  if (node.op.name !== "sum") return undefined;
  const [x] = node.inputs as [Tensor];
  const axes: number[] = node.attrs["axes"];
  const kept = x.shape.map((n, axis) => (axes.includes(axis) ? 1 : n));
  if (keeps && !sameShape(sum!.shape, kept)) return undefined;
  const count = sizeOf(axes.map((axis) => x.shape[axis]!));
  return count > 1 && Math.abs(value * count - 1) < 1e-6 ? { x, axes, keeps } : undefined;
}

export interface Mean {
  readonly x: Tensor;
  readonly axes: readonly number[];
  readonly keeps: boolean;
}

/** The axis along which an `iota` counts. */
export const iotaAxis = ({ attrs: { shape, stride, size } }: Node): number => {
  const strides = rowMajor(shape as Shape);
  return (shape as Shape).findIndex((n, axis) => n === size && strides[axis] === stride);
};

/** The shape that the elements of some operands have together. */
export function togetherOf(shapes: readonly Shape[]): Shape {
  const rank = Math.max(...shapes.map(({ length }) => length));
  return Array.from({ length: rank }, (_, i) => Math.max(...shapes.map((shape) => shape.at(i - rank) ?? 1)));
}

/** Whether a user has defined an op. It may have the name of one of the library's. */
export const isUsers = (op: Op): boolean => op.define !== undefined || kernelsOf(op)?.written !== undefined;
