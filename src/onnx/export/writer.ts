import { order } from "../../graph/print.ts";
import { type DType, type Shape, sameShape } from "../../graph/shape.ts";
import { fullValue, type Node, type Tensor, type TensorData, Variable } from "../../graph/tensor.ts";
import { iotaAxis, stripped, togetherOf } from "../../ops/idioms.ts";
import { evaluate } from "../../reference/index.ts";
import { formOf } from "./forms.ts";
import type { Attributes, ElementName, Initializer, OutGraph, OutNode, OutValue } from "./proto.ts";
import { rowOf } from "./rows.ts";
import { Sequences } from "./sequences.ts";
import type { Form, Target } from "./target.ts";

/** What a graph is written with. */
export interface Scope {
  /** Version of the operators. */
  readonly opset: number;
  /** What a variable is called, and its numbers. */
  nameOf(variable: Variable): string;
  valuesOf(variable: Variable): TensorData;
  /** The size that stands for the batch, where there is one: the first of each input. */
  readonly batch: number | undefined;
  /** Takes what cannot be written. */
  problem(text: string): void;
}

/** The name of the size that is known when the model runs. */
const batchName = "batch";

/** Writes a graph of tensors as nodes of ONNX. Every value gets a name when it is first asked for. */
export class Writer implements Target {
  readonly opset: number;
  readonly sequences = new Sequences();
  readonly #scope: Scope;
  readonly #nodes: OutNode[] = [];
  readonly #initializers = new Map<string, Initializer>();
  readonly #inputs: OutValue[] = [];
  readonly #names = new Map<Tensor, string>();
  readonly #used = new Set<string>();
  /** Truth values, where tilegrad has ones and zeros. */
  readonly #bools = new Set<string>();
  readonly #forms = new Map<Node, Form | undefined>();
  readonly #uses = new Map<Tensor, number>();
  /** Results of nodes that are asked for again: constants, sizes and casts. */
  readonly #shared = new Map<string, string>();
  /** The layer whose nodes are being written. */
  #layer = "";

  constructor(scope: Scope) {
    this.#scope = scope;
    this.opset = scope.opset;
  }

  /** The whole graph. */
  write(outputs: Readonly<Record<string, Tensor>>): OutGraph {
    const roots = Object.values(outputs);
    const nodes = order(roots);
    for (const tensor of [...roots, ...nodes.flatMap(({ inputs }) => inputs)])
      this.#uses.set(tensor, (this.#uses.get(tensor) ?? 0) + 1);
    for (const name of Object.keys(outputs)) this.#used.add(name);
    for (const node of nodes) if (node.op.source === "input") this.#input(node.results[0]!);
    const needed = this.#needed(nodes, roots);
    for (const node of nodes)
      if (!isLazy(node)) for (const result of node.results) if (needed.has(result)) this.raw(result);
    const named = Object.entries(outputs).map(([name, tensor]) => this.#output(name, tensor));
    return { nodes: this.#nodes, initializers: this.#initializers, inputs: this.#inputs, outputs: named };
  }

  uses(tensor: Tensor): number {
    return this.#uses.get(tensor) ?? 0;
  }

  value(tensor: Tensor): string {
    const name = this.raw(tensor);
    return this.#bools.has(name) ? this.#once(`i32 ${name}`, () => this.emit("Cast", [name], { to: 6 })) : name;
  }

  truth(tensor: Tensor): string {
    const name = this.raw(stripped(tensor));
    return this.#bools.has(name) ? name : this.#once(`bool ${name}`, () => this.bool("Cast", [name], { to: 9 }));
  }

  operands({ inputs, results }: Node, from = 0): string[] {
    const isWhole = sameShape(togetherOf(inputs.map((tensor) => looseShape(stripped(tensor)))), results[0]!.shape);
    return inputs.slice(from).map((tensor, i) => (i === 0 && !isWhole ? this.value(tensor) : this.loose(tensor)));
  }

  /** A value that may have a smaller shape, to which it broadcasts. */
  loose(tensor: Tensor): string {
    const bare = stripped(tensor);
    const number = fullValue(bare);
    if (number !== undefined) return this.number(number, bare.dtype);
    return bare.node.op.name === "iota" ? this.#iota(bare) : this.value(bare);
  }

  emit(op: string, inputs: readonly string[], attributes: Attributes = {}): string {
    return this.emitAll(op, inputs, attributes, 1)[0]!;
  }

  bool(op: string, inputs: readonly string[], attributes: Attributes = {}): string {
    const name = this.emit(op, inputs, attributes);
    this.#bools.add(name);
    return name;
  }

  emitAll(op: string, inputs: readonly string[], attributes: Attributes, count: number): string[] {
    const name = this.#unique(`/${this.#layer ? `${this.#layer.replaceAll(".", "/")}/` : ""}${op}`);
    const outputs = Array.from({ length: count }, (_, i) => this.#unique(`${name}_output_${i}`));
    const given = [...inputs];
    while (given.at(-1) === "") given.pop();
    this.#nodes.push({ op, name, inputs: given, outputs, attributes });
    return outputs;
  }

  ints(values: readonly number[]): string {
    return this.constant(values, [values.length], "i64");
  }

  number(value: number, dtype: DType): string {
    return this.constant([value], [], dtype);
  }

  /** Numbers of the graph. Equal ones are stored once. */
  constant(data: ArrayLike<number>, shape: Shape, type: ElementName): string {
    const key = `${type} [${shape}] ${data.length > 64 ? "" : Array.from(data, (value) => (Object.is(value, -0) ? "-0" : value))}`;
    const make = () => {
      const name = this.#unique("constant");
      this.#initializers.set(name, { type, shape, data, isWeight: false });
      return name;
    };
    return data.length > 64 ? make() : this.#once(key, make);
  }

  folded(
    hint: string,
    parts: readonly (Tensor | undefined)[],
    combine: (parts: readonly (Tensor | undefined)[]) => Tensor,
  ): string {
    const key = parts.map((part) => part && `${part.node.id}.${part.index}`);
    return this.#once(`${hint} ${key}`, () => this.#computed(hint, combine(parts)));
  }

  /** A weight that is computed now, unless it depends on inputs. */
  #computed(hint: string, tensor: Tensor): string {
    const nodes = order([tensor]);
    if (nodes.some(({ op }) => op.source === "input")) return this.value(tensor);
    const variables = new Map(
      nodes.flatMap(({ results: [each] }) =>
        each instanceof Variable ? [[each, this.#scope.valuesOf(each)] as const] : [],
      ),
    );
    const { data, shape, dtype } = evaluate([tensor], { variables })[0]!;
    const name = this.#unique(hint);
    this.#initializers.set(name, { type: dtype, shape, data, isWeight: true });
    return name;
  }

  reshape(name: string, shape: Shape): string {
    const open = shape.filter((size) => this.isOpen(size)).length;
    const wanted = open > 1 ? this.sizes(shape) : this.ints(shape.map((size) => (this.isOpen(size) ? -1 : size)));
    return this.emit("Reshape", [name, wanted], { allowzero: shape.includes(0) ? 1 : undefined });
  }

  isOpen(size: number): boolean {
    const { batch } = this.#scope;
    return batch !== undefined && size > 0 && size % batch === 0;
  }

  /** A shape as a value. Sizes that the batch decides are computed where the model runs. */
  sizes(shape: Shape): string {
    if (!shape.some((size) => this.isOpen(size))) return this.ints(shape);
    const parts: string[] = [];
    for (let i = 0; i < shape.length; i++) {
      const size = shape[i]!;
      if (this.isOpen(size)) {
        parts.push(this.size(size));
        continue;
      }
      const from = i;
      while (i + 1 < shape.length && !this.isOpen(shape[i + 1]!)) i++;
      parts.push(this.ints(shape.slice(from, i + 1)));
    }
    return parts.length === 1 ? parts[0]! : this.emit("Concat", parts, { axis: 0 });
  }

  /** One size, as a list of one. */
  size(size: number): string {
    if (!this.isOpen(size)) return this.ints([size]);
    const { batch } = this.#scope;
    const own = this.#once("batch", () => this.emit("Shape", [this.#inputs[0]!.name], { start: 0, end: 1 }));
    const times = size / batch!;
    return times === 1 ? own : this.#once(`batch × ${times}`, () => this.emit("Mul", [own, this.ints([times])]));
  }

  /** Reductions took their axes as an attribute until version 18; `ReduceSum` takes them as an input. */
  reduced(op: string, x: string, axes: readonly number[], keeps = false): string {
    const keepdims = keeps ? 1 : 0;
    if (op === "ReduceSum" || this.opset >= 18) return this.emit(op, [x, this.ints(axes)], { keepdims });
    return this.emit(op, [x], { axes, keepdims });
  }

  problem(text: string): string {
    this.#scope.problem(`${text}${this.#layer && ` in layer "${this.#layer}"`}`);
    return "";
  }

  #once(key: string, make: () => string): string {
    const known = this.#shared.get(key);
    if (known !== undefined) return known;
    const made = make();
    this.#shared.set(key, made);
    return made;
  }

  /** A name that no other value or node has. */
  #unique(hint: string): string {
    let name = hint;
    for (let i = 1; this.#used.has(name); i++) name = `${hint}_${i}`;
    this.#used.add(name);
    return name;
  }

  #input(tensor: Tensor): void {
    const name: string = tensor.node.attrs["name"];
    if (this.#used.has(name)) this.problem(`two inputs or outputs with the name "${name}"`);
    this.#used.add(name);
    this.#names.set(tensor, name);
    this.#inputs.push(this.#described(name, tensor));
  }

  #described(name: string, { dtype, shape }: Tensor): OutValue {
    const { batch } = this.#scope;
    return {
      name,
      type: dtype,
      dims: shape.map((size) =>
        !this.isOpen(size) ? size : size === batch ? batchName : `${size / batch!} * ${batchName}`,
      ),
    };
  }

  /** Gives an output its name: the node that makes it takes the name, if only this output does. */
  #output(name: string, tensor: Tensor): OutValue {
    const value = this.value(tensor);
    const maker = this.#nodes.find(({ outputs }) => outputs.includes(value));
    const isTaken = !maker || [...this.#outputs].some((other) => other === value);
    if (isTaken)
      this.#nodes.push({
        op: "Identity",
        name: this.#unique("/Identity"),
        inputs: [value],
        outputs: [name],
        attributes: {},
      });
    else {
      const renamed = (each: string) => (each === value ? name : each);
      for (const node of this.#nodes) {
        node.inputs = node.inputs.map(renamed);
        node.outputs = node.outputs.map(renamed);
      }
      for (const [key, known] of this.#names) if (known === value) this.#names.set(key, name);
      for (const [key, known] of this.#shared) if (known === value) this.#shared.set(key, name);
    }
    this.#outputs.add(name);
    return this.#described(name, tensor);
  }

  readonly #outputs = new Set<string>();

  /** The values that are asked for, once groups are written as one. */
  #needed(nodes: readonly Node[], roots: readonly Tensor[]): ReadonlySet<Tensor> {
    const needed = new Set(roots);
    for (const node of nodes.toReversed()) {
      if (!node.results.some((result) => needed.has(result))) continue;
      const form = formOf(node, this);
      this.#forms.set(node, form);
      for (const read of form?.reads ?? node.inputs) needed.add(read);
    }
    return needed;
  }

  raw(tensor: Tensor): string {
    const known = this.#names.get(tensor);
    if (known !== undefined) return known;
    const outer = this.#layer;
    this.#layer = tensor.node.layer;
    const name = this.#made(tensor);
    this.#layer = outer;
    if (!this.#names.has(tensor)) this.#names.set(tensor, name);
    return this.#names.get(tensor)!;
  }

  #made(tensor: Tensor): string {
    const { node, shape, dtype } = tensor;
    if (tensor instanceof Variable) return this.#weight(tensor);
    const { name } = node.op;
    if (name === "constant") return this.constant(node.attrs["data"], shape, dtype);
    if (name === "full" || name === "iota") return this.#spread(this.loose(tensor), shape);
    if (name === "expand") return this.#spread(this.loose(tensor), shape);
    if (name === "detach" || name === "evaluated") return this.raw(node.inputs[0]!);
    const form = this.#forms.has(node) ? this.#forms.get(node) : formOf(node, this);
    if (form) return form.write(tensor.index);
    const row = rowOf(node);
    if (!row || node.effects.length > 0)
      return this.problem(node.effects.length > 0 ? `op ${name}, which updates variables` : `op ${name}`);
    if (tensor.index > 0) return this.problem(`result ${tensor.index} of op ${name}`);
    return row(this, node);
  }

  #weight(variable: Variable): string {
    const name = this.#unique(this.#scope.nameOf(variable));
    const { shape, dtype } = variable;
    this.#initializers.set(name, { type: dtype, shape, data: this.#scope.valuesOf(variable), isWeight: true });
    return name;
  }

  #spread(name: string, shape: Shape): string {
    return shape.length === 0 ? name : this.emit("Expand", [name, this.sizes(shape)]);
  }

  /** Counts along an axis, with axes of size 1 after it. */
  #iota({ node, shape }: Tensor): string {
    const axis = iotaAxis(node);
    const size = shape[axis]!;
    const after = shape.slice(axis + 1).map(() => 1);
    if (!this.isOpen(size))
      return this.constant(
        Array.from({ length: size }, (_, i) => i),
        [size, ...after],
        "i32",
      );
    const limit = this.emit("Cast", [this.emit("Squeeze", [this.size(size)])], { to: 6 });
    const line = this.emit("Range", [this.number(0, "i32"), limit, this.number(1, "i32")]);
    return after.length === 0 ? line : this.emit("Reshape", [line, this.ints([-1, ...after])]);
  }
}

/** Whether those who read a node write it. */
const isLazy = ({ op }: Node): boolean =>
  ["expand", "full", "constant", "iota", "detach", "evaluated", "variable", "input"].includes(op.name);

/** The shape of an operand that broadcasts by itself. */
function looseShape(tensor: Tensor): Shape {
  if (fullValue(tensor) !== undefined) return [];
  if (tensor.node.op.name !== "iota") return tensor.shape;
  return tensor.shape.slice(iotaAxis(tensor.node)).map((n, i) => (i === 0 ? n : 1));
}
