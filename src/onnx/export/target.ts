import type { DType, Shape } from "../../graph/shape.ts";
import type { Node, Tensor } from "../../graph/tensor.ts";
import type { Attributes, ElementName } from "./proto.ts";
import type { Sequences } from "./sequences.ts";

/** What nodes are written to. Values are known by their names. */
export interface Target {
  /** Version of the operators. */
  readonly opset: number;
  readonly sequences: Sequences;

  /** How often a tensor is read. */
  uses(tensor: Tensor): number;
  /** The name of a tensor's value, of exactly its shape and dtype. */
  value(tensor: Tensor): string;
  /** The same, but of truth values where ONNX has them and tilegrad ones and zeros. */
  raw(tensor: Tensor): string;
  /** A value as truth values. */
  truth(tensor: Tensor): string;
  /**
   * The operands of an op on single elements, from one on; default: all. They broadcast by themselves. Where that gives
   * less than the result's shape, the first of them has it.
   */
  operands(node: Node, from?: number): string[];
  /**
   * What others become together: of weights and constants computed now, and once for the same parts; else as nodes.
   * @param hint what to call the weight.
   */
  folded(
    hint: string,
    parts: readonly (Tensor | undefined)[],
    combine: (parts: readonly (Tensor | undefined)[]) => Tensor,
  ): string;

  /** Adds a node. @returns its only result. */
  emit(op: string, inputs: readonly string[], attributes?: Attributes): string;
  /** Adds a node that gives truth values. */
  bool(op: string, inputs: readonly string[], attributes?: Attributes): string;
  /** Adds a node. An input that is left out is "". @returns its results. */
  emitAll(op: string, inputs: readonly string[], attributes: Attributes, count: number): string[];
  /** Adds a reduction. Most took their axes as an attribute until version 18. */
  reduced(op: string, x: string, axes: readonly number[], keeps?: boolean): string;
  /** Gives a shape to a value. */
  reshape(name: string, shape: Shape): string;
  /** Whether the batch decides a size, which is not known before the model runs. */
  isOpen(size: number): boolean;

  /** A list of whole numbers, as shapes and axes are. */
  ints(values: readonly number[]): string;
  /** One number, without axes. */
  number(value: number, dtype: DType): string;
  /** Numbers of the graph. */
  constant(data: ArrayLike<number>, shape: Shape, type: ElementName): string;
  /** Takes what cannot be written, and what to do about it. @returns a name, so that writing goes on. */
  problem(text: string, hint?: string): string;
}

/** Writes a node with one result. @returns the name of the result. */
export type Row = (to: Target, node: Node) => string;

/** How a group of nodes is written as one: what it reads, and what it gives. */
export interface Form {
  readonly reads: readonly Tensor[];
  /** @param index of the result that is asked for. @returns its name. */
  write(index: number): string;
}
