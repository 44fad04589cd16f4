import type { Op } from "./op.ts";
import type { DType, Shape } from "./shape.ts";
import { checkShape } from "./shape.ts";

/** What an op says of one result before anything is computed. */
export interface Spec<D extends DType = DType> {
  readonly shape: Shape;
  readonly dtype: D;
}

/** Attributes are plain data, so that a node can be printed, compared and hashed. */
// biome-ignore lint/suspicious/noExplicitAny: each op knows the type of its own attributes
export type Attrs = Readonly<Record<string, any>>;

/**
 * A value that some program may compute: result `index` of `node`. Tensors are immutable descriptions; building them
 * touches no GPU, and nothing has to be disposed. `D` is the dtype where the compiler knows it: a `Tensor<"f32">` is a `Tensor`.
 */
export class Tensor<D extends DType = DType> implements Spec<D> {
  readonly node: Node;
  readonly index: number;
  readonly shape: Shape;
  readonly dtype: D;

  constructor(node: Node, index: number, spec: Spec<D>) {
    this.node = node;
    this.index = index;
    this.shape = spec.shape;
    this.dtype = spec.dtype;
  }
}

/** A write that a program performs at the end of each run: `[variable, its new value]`. */
export type Update = readonly [variable: Variable, value: Tensor];

let nodesMade = 0;

/** One application of an op. `id` only grows, so a node's inputs always have smaller ids than the node. */
export class Node {
  readonly id: number = nodesMade++;
  readonly op: Op;
  readonly inputs: readonly Tensor[];
  readonly attrs: Attrs;
  readonly results: readonly Tensor[];
  /** Updates that every program containing this node performs too, such as advancing the random key that it reads. */
  readonly effects: readonly Update[];

  constructor(
    op: Op,
    inputs: readonly Tensor[],
    attrs: Attrs,
    specs: readonly Spec[],
    effects: readonly Update[] = [],
  ) {
    this.op = op;
    this.inputs = inputs;
    this.attrs = attrs;
    this.effects = effects;
    this.results = specs.map((spec, i) => new Tensor(this, i, spec));
  }
}

/** Applies an op and returns all its results. Shapes, dtypes and attributes are checked here, by the op's own rule. */
export function applyAll(op: Op, inputs: readonly Tensor[], attrs: Attrs = {}, effects: readonly Update[] = []) {
  const specs = op.infer(inputs, attrs);
  for (const spec of specs) checkShape(op.name, spec.shape);
  return new Node(op, inputs, attrs, specs, effects).results;
}

/** Applies an op of one result. Who calls it says which dtype the op's rule gives. */
export function apply<D extends DType = DType>(
  op: Op,
  inputs: readonly Tensor[],
  attrs: Attrs = {},
  effects: readonly Update[] = [],
): Tensor<D> {
  return applyAll(op, inputs, attrs, effects)[0] as Tensor<D>;
}

interface Arrays {
  readonly f32: Float32Array;
  readonly f16: Float32Array;
  readonly i32: Int32Array;
  readonly u32: Uint32Array;
}

/** The typed array that holds a dtype on the host (f16 travels as f32); any of them by default. */
export type TensorData<D extends DType = DType> = Arrays[D];

/** The dtype of what a typed array holds. */
export type DTypeOf<A extends TensorData> = A extends Float32Array ? "f32" : A extends Int32Array ? "i32" : "u32";

/** What each dtype travels as outside the GPU. */
export const arrayOf = { f32: Float32Array, f16: Float32Array, i32: Int32Array, u32: Uint32Array } as const;

/** What a leaf op needs to be told apart from ordinary ones: where its value comes from. */
export type Source = "input" | "variable" | "constant";

/** The op of variables; the class below is its only maker. */
const variableOp: Op = { name: "variable", source: "variable", infer: (_, { spec }) => [spec] };

/**
 * A tensor with a home: its value lives on the GPU from run to run, and only a program's updates (or `engine.write`) change
 * it. Weights, moments, running statistics, step counters and random keys are all variables: what is saved is the set of
 * variables.
 */
export class Variable<D extends DType = DType> extends Tensor<D> {
  readonly name: string;
  /** The value it starts with, row-major. */
  readonly initial: TensorData<D>;
  /**
   * Variables of one group that a program meets for the first time together are laid out in one buffer, in order of their
   * making: this is what lets an optimizer treat a whole model as one long vector.
   */
  readonly group: string;

  constructor(name: string, spec: Spec<D>, initial: TensorData<D>, group: string) {
    checkShape(`variable "${name}"`, spec.shape);
    super(new Node(variableOp, [], { name, spec }, []), 0, spec);
    (this.node.results as Tensor[]).push(this);
    this.name = name;
    this.initial = initial;
    this.group = group;
  }
}
