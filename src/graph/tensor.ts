import { AttributeError, FeedError, refuse } from "../errors.ts";
import { currentLayer } from "../layer.ts";
import type { Op } from "./op.ts";
import type { DType, Shape } from "./shape.ts";
import { checkDType, checkShape, showShape, sizeOf } from "./shape.ts";

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

  /** How many elements it has. */
  get size(): number {
    return sizeOf(this.shape);
  }

  get [Symbol.toStringTag](): string {
    return "Tensor";
  }

  /** As text a tensor is its dtype and shape; an operator throws, since JavaScript would make a number of it. */
  [Symbol.toPrimitive](hint: string): string {
    if (hint === "string") return `tensor ${this.dtype}${showShape(this.shape)}`;
    throw new AttributeError("tensors have no operators: for x + 1 write add(x, 1)");
  }
}

/** Refuses what is no tensor, and says what may have been meant. */
export function checkTensor(op: string, name: string, value: unknown, expected = "a tensor"): void {
  if (!(value instanceof Tensor)) refuse(op, name, value, `${expected}${hint(value)}`);
}

function hint(value: unknown): string {
  if (typeof value === "function") return ": call it first";
  if (value instanceof Promise) return ": await it first";
  if (Array.isArray(value) || ArrayBuffer.isView(value)) return ": see constant";
  const member = Object.entries(Object(value)).find(([, member]) => member instanceof Tensor);
  return member ? `, such as its .${member[0]}` : "";
}

/** The same of all operands of an op. */
export const checkTensors = (op: string, ...operands: readonly unknown[]): void =>
  operands.forEach((operand, i) => {
    checkTensor(op, `operand ${i}`, operand);
  });

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
  /** Path of the layer that it was made in, "" outside of any. Nodes of a gradient have that of what they differentiate. */
  readonly layer: string = currentLayer();

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
  checkTensors(op.name, ...inputs);
  const specs = op.infer(inputs, attrs);
  for (const { shape, dtype } of specs) {
    checkShape(op.name, shape);
    checkDType(op.name, dtype);
  }
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

/** The dtype of what a typed array holds, and of numbers and drawn ones. */
export type DTypeOf<A extends FirstValues> = A extends Int32Array ? "i32" : A extends Uint32Array ? "u32" : "f32";

/** What each dtype travels as outside the GPU. */
export const arrayOf = { f32: Float32Array, f16: Float32Array, i32: Int32Array, u32: Uint32Array } as const;

/** What a leaf op needs to be told apart from ordinary ones: where its value comes from. */
export type Source = "input" | "variable" | "constant";

/** Numbers that are drawn when they are needed, and again when they are needed again: they take no memory meanwhile. */
export interface Drawn {
  readonly length: number;
  /** How they are drawn, as plain data. */
  readonly drawing: object;
  /** A new array with them. */
  values(): Float32Array;
}

/** What a variable starts with: given numbers, one number for all elements, or drawn ones. */
export type FirstValues = TensorData | number | Drawn;

/** The op of variables; the class below is its only maker. */
const variableOp: Op = { name: "variable", source: "variable", infer: (_, { spec }) => [spec] };

/**
 * A tensor with a home: its value lives on the GPU from run to run, and only a program's updates (or `engine.write`) change
 * it. Weights, moments, running statistics, step counters and random keys are all variables: what is saved is the set of
 * variables.
 */
export class Variable<D extends DType = DType> extends Tensor<D> {
  /** @internal What it starts with; absent once given numbers have moved to a GPU. */
  first: FirstValues | undefined;
  /**
   * Variables of one group that a program meets for the first time together are laid out in one buffer, in order of their
   * making: this is what lets an optimizer treat a whole model as one long vector.
   */
  readonly group: string;
  /**
   * Whether every engine may begin with the first value, though it has changed in another one since: keys of random numbers do, since
   * their value is only a count. Others refuse, see `checkFirst`.
   */
  readonly restarts: boolean;
  #isFirst = true;

  constructor(name: string, spec: Spec<D>, first: FirstValues, group: string, restarts = false) {
    checkShape(`variable "${name}"`, spec.shape);
    checkDType(`variable "${name}"`, spec.dtype);
    super(new Node(variableOp, [], { name, spec }, []), 0, spec);
    (this.node.results as Tensor[]).push(this);
    this.first = first;
    this.group = group;
    this.restarts = restarts;
  }

  /**
   * The value that it started with, row-major, in a new array.
   * @throws FeedError when that was given as an array, and has moved to a GPU meanwhile: hosts keep what can be drawn or filled again.
   */
  get initial(): TensorData<D> {
    const { first, dtype } = this;
    if (first === undefined) {
      throw new FeedError(
        `the first value of variable "${this.name}" has moved to the GPU, and the host no longer has it: read it with ` +
          "engine.read before the first run, or keep the array",
      );
    }
    const values: TensorData =
      typeof first === "number"
        ? new arrayOf[dtype as DType](sizeOf(this.shape)).fill(first)
        : "drawing" in first
          ? first.values()
          : first.slice();
    return values as TensorData<D>;
  }

  /** @internal Its value is from now on another one, and lives in an engine. */
  changed(): void {
    this.#isFirst = this.restarts;
  }

  /** @internal Given numbers need not stay on the host. */
  release(): void {
    const { first } = this;
    if (typeof first === "object" && !("drawing" in first) && !this.restarts) this.first = undefined;
  }

  /** @internal @throws FeedError unless its first value is its value, and here. @param remedy what to do about it. */
  checkFirst(remedy = "copy it with engine.copyFrom(other, model), or write or load it"): void {
    if (this.#isFirst && this.first !== undefined) return;
    throw new FeedError(
      `variable "${this.name}" has changed since it was made: its value is in another engine, or was there until that was destroyed ` +
        `or the variable freed. Here it would start anew: ${remedy}`,
    );
  }

  /** Its path in the model that it was first put into ("conv1.weight"), else what it was called when it was made. */
  get name(): string {
    return this.node.attrs["name"];
  }
}

/** Refuses what is no variable. */
export function checkVariable(op: string, name: string, value: unknown): void {
  if (!(value instanceof Variable)) refuse(op, name, value, "a variable");
}

/** Refuses what is no map from names to variables, such as `nn.stateDict(model)` gives. */
export function checkNamed(op: string, variables: ReadonlyMap<string, Variable>): void {
  if (!(variables instanceof Map)) refuse(op, "the argument", variables, "nn.stateDict(model) or another Map");
  for (const [name, variable] of variables) checkVariable(op, `"${name}"`, variable);
}
