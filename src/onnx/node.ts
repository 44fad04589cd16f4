import { FormatError } from "../errors.ts";
import type { Shape } from "../graph/shape.ts";
import type { Tensor } from "../graph/tensor.ts";
import type { Random } from "../ops/index.ts";
import { decode, type ElementType, elements, elementType, type HostArray } from "./elements.ts";
import type { Attribute, Graph, NodeProto, TensorProto } from "./model.ts";
import { Value } from "./value.ts";

/** A tensor or several that an op computes: of the type of its first input where none is given. */
export type Built = Value | Tensor | readonly (Value | Tensor | undefined)[];

/** What an importer offers to ops that hold graphs. */
export interface Scope {
  /** Imports a graph inside of the current one. */
  run(graph: Graph): readonly Value[];
  /** A weight of this name. */
  weight(name: string, proto: TensorProto): Value;
  /** The numbers of a value, if it depends on weights and constants alone. */
  numbersOf(value: Value): HostArray | undefined;
  /** Where random numbers come from. */
  readonly random: Random;
}

/** An op of the file, of the versions that it may have, and how it becomes tensors. */
export interface OpRow {
  readonly op: string;
  /** Versions of the operator set that changed it; the first is the oldest that is supported. */
  readonly since: readonly number[];
  /** What is not supported, in a few words. */
  readonly limits?: string;
  readonly build: (node: OpNode) => Built;
}

/** A node of the file while it is imported: its inputs and attributes, checked as they are read. */
export class OpNode {
  readonly op: string;
  readonly name: string;
  readonly opset: number;
  readonly inputs: readonly (Value | undefined)[];
  /** Number of results; those without a name are not needed. */
  readonly outputs: readonly string[];
  readonly scope: Scope;
  readonly #attributes: ReadonlyMap<string, Attribute>;

  constructor(proto: NodeProto, opset: number, inputs: readonly (Value | undefined)[], scope: Scope) {
    this.op = proto.op;
    this.name = proto.name;
    this.opset = opset;
    this.inputs = inputs;
    this.outputs = proto.outputs;
    this.scope = scope;
    this.#attributes = proto.attributes;
  }

  /** Input `i`, which the op needs. */
  value(i: number): Value {
    const value = this.inputs[i];
    if (value === undefined) throw new FormatError(`input ${i} is missing`);
    return value;
  }

  /** Input `i` as a tensor. */
  tensor(i: number): Tensor {
    return this.value(i).tensor;
  }

  /** Input `i` as a tensor, if it is there. */
  optional(i: number): Tensor | undefined {
    return this.inputs[i]?.tensor;
  }

  /** Numbers of input `i`, if it is there. @throws NeededError where a program computes them. */
  numbers(i: number): readonly number[] | undefined {
    const value = this.inputs[i];
    if (value === undefined) return undefined;
    const numbers = this.scope.numbersOf(value);
    if (numbers === undefined) throw new NeededError(value.name, i);
    return Array.from(numbers);
  }

  /** Numbers of input `i`, which the op needs. */
  known(i: number): readonly number[] {
    this.value(i);
    return this.numbers(i)!;
  }

  has(name: string): boolean {
    return this.#attributes.has(name);
  }

  int(name: string, otherwise: number): number {
    return this.#attributes.get(name)?.i ?? otherwise;
  }

  float(name: string, otherwise: number): number {
    return this.#attributes.get(name)?.f ?? otherwise;
  }

  text(name: string, otherwise: string): string {
    return this.#attributes.get(name)?.s ?? otherwise;
  }

  ints(name: string): readonly number[] | undefined {
    return this.#attributes.get(name)?.ints;
  }

  floats(name: string): readonly number[] | undefined {
    return this.#attributes.get(name)?.floats;
  }

  texts(name: string): readonly string[] | undefined {
    return this.#attributes.get(name)?.strings;
  }

  graph(name: string): Graph {
    const graph = this.#attributes.get(name)?.graph;
    if (!graph) throw new FormatError(`attribute ${name} is missing`);
    return graph;
  }

  /** A tensor in an attribute. */
  constant(name: string): Value | undefined {
    const proto = this.#attributes.get(name)?.tensor;
    if (!proto) return undefined;
    // Some exporters write weights as constants.
    if (proto.dims.length > 0 && proto.dims.reduce((product, n) => product * n, 1) >= 16)
      return this.scope.weight(this.outputs[0] ?? name, proto);
    return Value.known(this.outputs[0] ?? "", elementType(name, proto.type), proto.dims, decode(name, proto));
  }

  /** Axes, which became an input in a later version of several ops. */
  axes(input: number): readonly number[] | undefined {
    return this.numbers(input) ?? this.ints("axes");
  }

  /** A tensor as a value of another type than that of the first input. */
  typed(type: ElementType, tensor: Tensor): Value {
    return Value.of(this.outputs[0] ?? "", type, tensor);
  }

  /** A list of tensors. */
  sequence(items: readonly Value[]): Value {
    return Value.sequence(this.outputs[0] ?? "", items);
  }

  /** The tensors of input `i`, which is a sequence. */
  items(i: number): readonly Value[] {
    const { items, name } = this.value(i);
    if (items) return items;
    throw new FormatError(`"${name}" is a tensor, expected a sequence`);
  }

  /** Numbers on the host as a value. */
  host(type: ElementType, shape: Shape, data: HostArray | readonly number[]): Value {
    return Value.known(this.outputs[0] ?? "", type, shape, data);
  }

  /** A value that repeats one number; it may be empty. */
  filled(type: ElementType, shape: Shape, value: number): Value {
    return Value.filled(this.outputs[0] ?? "", type, shape, value);
  }

  /** The dtype of a type. */
  dtype(type: ElementType) {
    return elements[type].dtype;
  }
}

/** An input must be known while the graph is imported, but a program computes it. */
export class NeededError extends FormatError {
  override name = "FormatError";
  /** The value's name in the file. */
  readonly value: string;

  constructor(value: string, input: number) {
    super(
      `input ${input}, "${value}", decides a shape or the like, so it must be known now: pass it in \`constants\` if it ` +
        "is an input of the graph",
    );
    this.value = value;
  }
}
