import { AttributeError } from "../../errors.ts";
import { order } from "../../graph/print.ts";
import { composed } from "../../graph/rewrite.ts";
import { type Shape, sameShape } from "../../graph/shape.ts";
import { fullValue, type Node, type Tensor, type TensorData, Variable } from "../../graph/tensor.ts";
import { iotaAxis, isUsers, stripped, togetherOf } from "../../ops/idioms.ts";
import { evaluate } from "../../reference/index.ts";
import { Emitter } from "./emitter.ts";
import { formOf } from "./forms.ts";
import { type Attributes, type OutGraph, typeNumbers } from "./proto.ts";
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
  /** Takes what cannot be written. @param hint what to do about it. */
  problem(text: string, hint?: string): void;
}

/** Writes a graph of tensors as nodes of ONNX. Every value gets a name when it is first asked for. */
export class Writer extends Emitter implements Target {
  readonly sequences = new Sequences();
  readonly #scope: Scope;
  readonly #names = new Map<Tensor, string>();
  /** Truth values, where tilegrad has ones and zeros. */
  readonly #bools = new Set<string>();
  readonly #forms = new Map<Node, Form | undefined>();
  readonly #uses = new Map<Tensor, number>();

  constructor(scope: Scope) {
    super(scope.opset, scope.batch);
    this.#scope = scope;
  }

  /** The whole graph. @param inputs those that the model has in any case, before others that outputs depend on. */
  write(given: Readonly<Record<string, Tensor>>, inputs: readonly Tensor[]): OutGraph {
    const roots = composed(Object.values(given));
    const outputs = Object.keys(given).map((name, i) => [name, roots[i]!] as const);
    const nodes = order(roots);
    for (const tensor of [...roots, ...nodes.flatMap((node) => node.inputs)])
      this.#uses.set(tensor, (this.#uses.get(tensor) ?? 0) + 1);
    for (const [name] of outputs) this.claim("output", name);
    const read = nodes.flatMap(({ op, results }) => (op.source === "input" ? results : []));
    for (const tensor of new Set([...inputs, ...read])) {
      const name: string = tensor.node.attrs["name"];
      this.addInput(name, tensor);
      this.#names.set(tensor, name);
    }
    for (const node of nodes)
      if (isUsers(node.op)) this.#within(node.layer, () => this.problem(`op ${node.op.name} of your own`));
    const needed = this.#needed(nodes, roots);
    for (const node of nodes)
      if (!isLazy(node)) for (const result of node.results) if (needed.has(result)) this.raw(result);
    for (const [name, tensor] of outputs) {
      const value = this.value(tensor);
      if (!this.addOutput(name, value, tensor)) continue;
      for (const [key, known] of this.#names) if (known === value) this.#names.set(key, name);
    }
    return this.graph;
  }

  uses(tensor: Tensor): number {
    return this.#uses.get(tensor) ?? 0;
  }

  value(tensor: Tensor): string {
    const name = this.raw(tensor);
    if (!this.#bools.has(name)) return name;
    return this.once(`i32 ${name}`, () => this.emit("Cast", [name], { to: typeNumbers.i32 }));
  }

  truth(tensor: Tensor): string {
    const name = this.raw(stripped(tensor));
    if (this.#bools.has(name)) return name;
    return this.once(`bool ${name}`, () => this.bool("Cast", [name], { to: typeNumbers.bool }));
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

  bool(op: string, inputs: readonly string[], attributes: Attributes = {}): string {
    const name = this.emit(op, inputs, attributes);
    this.#bools.add(name);
    return name;
  }

  folded(
    hint: string,
    parts: readonly (Tensor | undefined)[],
    combine: (parts: readonly (Tensor | undefined)[]) => Tensor,
  ): string {
    const key = parts.map((part) => part && `${part.node.id}.${part.index}`);
    return this.once(`${hint} ${key}`, () => this.#computed(hint, combine(parts)));
  }

  problem(text: string, hint?: string): string {
    this.#scope.problem(`${text}${this.layer && ` in layer "${this.layer}"`}`, hint);
    return "";
  }

  /** Runs with a layer as the one whose nodes are being written. */
  #within<T>(layer: string, run: () => T): T {
    const outer = this.layer;
    this.layer = layer;
    const result = run();
    this.layer = outer;
    return result;
  }

  raw(tensor: Tensor): string {
    const known = this.#names.get(tensor);
    if (known !== undefined) return known;
    const name = this.#within(tensor.node.layer, () => this.#made(tensor));
    if (!this.#names.has(tensor)) this.#names.set(tensor, name);
    return this.#names.get(tensor)!;
  }

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

  #made(tensor: Tensor): string {
    const { node, shape, dtype, index } = tensor;
    if (tensor instanceof Variable) return this.#weight(tensor);
    const { name } = node.op;
    if (name === "constant") return this.constant(node.attrs["data"], shape, dtype);
    if (name === "full" || name === "iota" || name === "expand") return this.#spread(this.loose(tensor), shape);
    if (name === "detach" || name === "evaluated") return this.raw(node.inputs[0]!);
    const form = this.#forms.has(node) ? this.#forms.get(node) : formOf(node, this);
    if (form) return form.write(index);
    if (node.effects.length > 0)
      return this.problem(
        `op ${name}, which updates variables`,
        "Is the model in training mode? Pass it { training: false }",
      );
    const row = rowOf(node);
    if (!row) return this.problem(`op ${name}`);
    return index === 0 ? row(this, node) : this.problem(`result ${index + 1} of ${node.results.length} of op ${name}`);
  }

  #weight(variable: Variable): string {
    const name = this.#scope.nameOf(variable);
    const { shape, dtype } = variable;
    if (name === "") throw new AttributeError("exportOnnx: a variable has no name");
    return this.initializer(name, { type: dtype, shape, data: this.#scope.valuesOf(variable), isWeight: true });
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
    return this.initializer(hint, { type: dtype, shape, data, isWeight: true });
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
    const limit = this.emit("Cast", [this.emit("Squeeze", [this.size(size)])], { to: typeNumbers.i32 });
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
