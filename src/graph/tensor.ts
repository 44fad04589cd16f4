import { AttributeError, refuse, StateError } from "../errors.ts";
import { currentLayer } from "../layer.ts";
import type { Op } from "./op.ts";
import type { DType, Shape } from "./shape.ts";
import { checkDType, checkShape, showShape, sizeOf } from "./shape.ts";

/** Shape and dtype of one result, known before anything is computed. */
export interface Spec<D extends DType = DType> {
  readonly shape: Shape;
  readonly dtype: D;
}

/** Attributes are plain data, so that nodes can be printed, compared and hashed. */
// biome-ignore lint/suspicious/noExplicitAny: each op knows the type of its own attributes
export type Attrs = Readonly<Record<string, any>>;

/**
 * A value that a program can compute: result `index` of `node`. Tensors are immutable descriptions: building them uses
 * no GPU, and you never dispose of them. `D` is the dtype where TypeScript knows it; a `Tensor<"f32">` is a `Tensor`.
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

  /** Number of elements. */
  get size(): number {
    return sizeOf(this.shape);
  }

  get [Symbol.toStringTag](): string {
    return "Tensor";
  }

  /** As text, dtype and shape. Operators throw, since JavaScript would turn the tensor into a number. */
  [Symbol.toPrimitive](hint: string): string {
    if (hint === "string") return `tensor ${this.dtype}${showShape(this.shape)}`;
    throw new AttributeError("tensors have no operators: for x + 1 write add(x, 1)");
  }
}

/** Refuses anything but a tensor, and suggests what may have been meant. */
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

/** Checks all operands of an op. */
export const checkTensors = (op: string, ...operands: readonly unknown[]): void =>
  operands.forEach((operand, i) => {
    checkTensor(op, `operand ${i}`, operand);
  });

/** A write at the end of each run of a program: `[variable, its new value]`. */
export type Update = readonly [variable: Variable, value: Tensor];

let nodesMade = 0;

/** One application of an op. Ids only grow, so a node's inputs always have smaller ids than the node. */
export class Node {
  readonly id: number = nodesMade++;
  readonly op: Op;
  readonly inputs: readonly Tensor[];
  readonly attrs: Attrs;
  readonly results: readonly Tensor[];
  /** Updates that every program with this node also performs, such as advancing the random key it reads. */
  readonly effects: readonly Update[];
  /**
   * Path of the layer it was created in, "" outside of any. Gradient nodes take that of the node they differentiate.
   */
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

/** Applies an op and returns all its results. The op's own rule checks shapes, dtypes and attributes here. */
export function applyAll(op: Op, inputs: readonly Tensor[], attrs: Attrs = {}, effects: readonly Update[] = []) {
  checkTensors(op.name, ...inputs);
  const specs = op.infer(inputs, attrs);
  for (const { shape, dtype } of specs) {
    checkShape(op.name, shape);
    checkDType(op.name, dtype);
  }
  return new Node(op, inputs, attrs, specs, effects).results;
}

/** Applies an op with one result. The caller states its dtype. */
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

/** The host's typed array for a dtype (Float32Array for f16); any of them by default. */
export type TensorData<D extends DType = DType> = Arrays[D];

/** The dtype of a typed array's elements; f32 for a number or drawn values. */
export type DTypeOf<A extends FirstValues> = A extends Int32Array ? "i32" : A extends Uint32Array ? "u32" : "f32";

/** The host's typed array for each dtype. */
export const arrayOf = { f32: Float32Array, f16: Float32Array, i32: Int32Array, u32: Uint32Array } as const;

/** What makes an op a leaf: where its value comes from. */
export type Source = "input" | "variable" | "constant";

/** Numbers drawn each time they are needed, so they take no memory in between. */
export interface Drawn {
  readonly length: number;
  /** How they are drawn, as plain data. */
  readonly drawing: object;
  /** A new array with them. */
  values(): Float32Array;
}

/** First value of a variable: an array, one number for all elements, or drawn numbers. */
export type FirstValues = TensorData | number | Drawn;

/** The op of variables; only the class below applies it. */
const variableOp: Op = { name: "variable", source: "variable", infer: (_, { spec }) => [spec] };

/**
 * A tensor whose value persists on the GPU from run to run. Only a program's updates and `engine.write` change it.
 * Weights, moments, running statistics, step counters and random keys are all variables: to save a model is to save its
 * variables.
 */
export class Variable<D extends DType = DType> extends Tensor<D> {
  /**
   * @internal Its first value; absent once a given array has moved to a GPU.
   */
  first: FirstValues | undefined;
  /**
   * Variables of one group that first appear in the same program share one buffer, in order of creation. This lets an
   * optimizer treat a whole model as one long vector.
   */
  readonly group: string;
  /**
   * Whether every engine may start from the first value, even after another engine changed it. Random keys do, since
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
   * Its first value, row-major, in a new array.
   * @throws StateError when it was given as an array that has since moved to a GPU. The host keeps only what can be
   * drawn or filled again.
   */
  get initial(): TensorData<D> {
    const { first, dtype } = this;
    if (first === undefined) {
      throw new StateError(
        `the first value of variable "${this.name}" has moved to the GPU: read it with ` +
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

  /**
   * @internal Its value has changed, in some engine.
   */
  changed(): void {
    this.#isFirst = this.restarts;
  }

  /**
   * @internal Drops a given array, which the host no longer needs.
   */
  release(): void {
    const { first } = this;
    if (typeof first === "object" && !("drawing" in first) && !this.restarts) this.first = undefined;
  }

  /**
   * @internal @throws StateError unless its value is its first value and is present here. @param remedy what to do about
   * it.
   */
  checkFirst(remedy = "copy it with engine.copyFrom(other, model), or write or load it"): void {
    if (this.#isFirst && this.first !== undefined) return;
    throw new StateError(
      `variable "${this.name}" was changed in another engine, or freed, so its value is not here: ${remedy}`,
    );
  }

  /** Its path in the first model it was put into ("conv1.weight"), else the name it was created with. */
  get name(): string {
    return this.node.attrs["name"];
  }
}

/** Refuses anything but a variable. */
export function checkVariable(op: string, name: string, value: unknown): void {
  if (!(value instanceof Variable)) refuse(op, name, value, "a variable");
}

/** Refuses anything but a map from names to variables, such as `nn.stateDict(model)`. */
export function checkNamed(op: string, variables: ReadonlyMap<string, Variable>): void {
  if (!(variables instanceof Map)) refuse(op, "the argument", variables, "nn.stateDict(model) or another Map");
  for (const [name, variable] of variables) checkVariable(op, `"${name}"`, variable);
}
