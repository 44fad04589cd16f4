import type { Op } from "./op.ts";
import type { DType, Shape } from "./shape.ts";
import { checkShape } from "./shape.ts";

/** What an op says of one result before anything is computed. */
export interface Spec {
  readonly shape: Shape;
  readonly dtype: DType;
}

/** Attributes are plain data, so that a node can be printed, compared and hashed. */
// biome-ignore lint/suspicious/noExplicitAny: each op knows the type of its own attributes
export type Attrs = Readonly<Record<string, any>>;

/**
 * A value that some program may compute: result `index` of `node`. Tensors are immutable descriptions; building them
 * touches no GPU, and nothing has to be disposed.
 */
export class Tensor implements Spec {
  readonly node: Node;
  readonly index: number;
  readonly shape: Shape;
  readonly dtype: DType;

  constructor(node: Node, index: number, spec: Spec) {
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

/** Applies an op of one result. */
export function apply(op: Op, inputs: readonly Tensor[], attrs: Attrs = {}, effects: readonly Update[] = []): Tensor {
  return applyAll(op, inputs, attrs, effects)[0]!;
}

/** A typed array of the kind that holds `dtype` on the host (f16 travels as f32). */
export type TensorData = Float32Array | Int32Array | Uint32Array;

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
export class Variable extends Tensor {
  readonly name: string;
  /** The value it starts with, row-major. */
  readonly initial: TensorData;
  /**
   * Variables of one group that a program meets for the first time together are laid out in one buffer, in order of their
   * making: this is what lets an optimizer treat a whole model as one long vector.
   */
  readonly group: string;

  constructor(name: string, spec: Spec, initial: TensorData, group: string) {
    checkShape(`variable "${name}"`, spec.shape);
    super(new Node(variableOp, [], { name, spec }, []), 0, spec);
    (this.node.results as Tensor[]).push(this);
    this.name = name;
    this.initial = initial;
    this.group = group;
  }
}
