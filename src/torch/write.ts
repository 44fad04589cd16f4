import { order } from "../graph/print.ts";
import { composed } from "../graph/rewrite.ts";
import { type Shape, sameShape } from "../graph/shape.ts";
import { fullValue, type Node, type Tensor, Variable } from "../graph/tensor.ts";
import type { Trace } from "../graph/trace.ts";
import { iotaAxis, isUsers, meanOf, stripped, togetherOf } from "../ops/idioms.ts";
import { networkRows } from "./networkOps.ts";
import { axesText, type OpCall, opRows } from "./ops.ts";
import { atom, type Expression, float, number, operand, sizeArguments, tuple } from "./python.ts";

/** What the lines of a function are made of. */
export interface Scope {
  /** The function's tensors by their names. */
  readonly inputs: ReadonlyMap<string, Tensor>;
  /** What a variable is called here; `undefined` where it cannot be reached. */
  nameOf(variable: Variable): string | undefined;
  /** The call of a layer, where the node is one: an expression of all its results, and how they unpack. */
  callOf(node: Node, args: readonly string[]): { readonly text: string; readonly results?: string } | undefined;
  /** The size that stands for the batch, where there is one. */
  readonly batch?: number | undefined;
  /** Takes what cannot be written. */
  problem(text: string): void;
}

/** Longer expressions become lines of their own. */
const longest = 76;

/** Most numbers of a constant in the text. */
const mostNumbers = 4096;

/**
 * The lines of Python that compute some tensors, and the expressions of these. An expression that is used once stays
 * where it is used, as long as the line is short.
 */
export function written(roots: readonly Tensor[], scope: Scope): { lines: string[]; results: string[] } {
  return new Writer(roots, scope).done();
}

class Writer {
  readonly #scope: Scope;
  readonly #roots: readonly Tensor[];
  readonly #lines: string[] = [];
  readonly #known = new Map<Tensor, Expression>();
  readonly #uses = new Map<Tensor, number>();
  /** What stays within another expression however long it is: the operand of a mean, and its sum. */
  readonly #kept = new Set<Tensor>();
  readonly #like: string;
  /** Nodes of the given graph, by the nodes that take their place where ops before them were taken apart. */
  readonly #origins: ReadonlyMap<Node, Node>;
  #names = 0;

  constructor(given: readonly Tensor[], scope: Scope) {
    const trace: Trace = [];
    const roots = composed(given, undefined, trace);
    this.#origins = new Map(trace.flatMap(({ nodes: [node], made }) => made.map((tensor) => [tensor.node, node!])));
    this.#roots = roots;
    this.#scope = scope;
    this.#like = scope.inputs.keys().next().value ?? "x";
    for (const root of roots) this.#use(root);
    for (const node of order(roots)) for (const input of node.inputs) this.#use(input);
    for (const node of order(roots)) {
      const sum = meanOf(node)?.keeps === false && node.inputs[0]!;
      for (const each of sum ? [sum, sum.node.inputs[0]!] : []) if (this.#uses.get(each) === 1) this.#kept.add(each);
    }
    for (const root of roots) if (this.#uses.get(root) === 1) this.#kept.add(root);
    for (const [name, tensor] of scope.inputs) this.#known.set(tensor, atom(name));
  }

  #use(tensor: Tensor): void {
    this.#uses.set(tensor, (this.#uses.get(tensor) ?? 0) + 1);
  }

  done(): { lines: string[]; results: string[] } {
    for (const node of order(this.#roots)) this.#write(node);
    return { lines: this.#lines, results: this.#roots.map((root) => this.#of(root).text) };
  }

  #write(node: Node): void {
    const [result] = node.results as [Tensor];
    if (this.#known.has(result) || isLazy(node)) return;
    const call = this.#call(node);
    if (call?.results) {
      // One line for all results; those that nothing reads still need a name.
      const names = node.results.map((each) => (this.#uses.has(each) ? this.#name() : "_"));
      let next = 0;
      this.#lines.push(`${call.results.replace(/\w+/g, () => names[next++]!)} = ${call.text}`);
      node.results.forEach((each, i) => {
        this.#known.set(each, atom(names[i]!));
      });
      return;
    }
    const expression = call ? atom(call.text) : this.#expression(node);
    for (const other of node.results.slice(1)) {
      if (this.#uses.has(other) && rowOf(node)) this.#scope.problem(`result ${other.index} of op ${node.op.name}`);
      this.#known.set(other, atom(node.op.name));
    }
    const isNamed = (this.#uses.get(result) ?? 0) > 1 && !/^[\w.]+$/.test(expression.text);
    const isLong = expression.text.length > longest && !this.#kept.has(result);
    this.#known.set(result, isNamed || isLong ? this.#assigned(expression) : expression);
  }

  /** The call of a layer. What it reads more than once gets a name. */
  #call(node: Node): ReturnType<Scope["callOf"]> {
    const texts = node.inputs.map((input) => this.#of(input).text);
    const call = this.#scope.callOf(this.#origins.get(node) ?? node, texts);
    const again = texts.findIndex((text) => /\W/.test(text) && (call?.text.split(text).length ?? 0) > 2);
    if (again < 0) return call;
    const input = node.inputs[again]!;
    this.#known.set(input, this.#assigned(this.#of(input)));
    return this.#call(node);
  }

  #name(): string {
    const name = `h${++this.#names}`;
    return this.#scope.inputs.has(name) ? this.#name() : name;
  }

  #assigned(expression: Expression): Expression {
    const name = this.#name();
    this.#lines.push(`${name} = ${expression.text}`);
    return { ...expression, text: name, level: 0 };
  }

  #expression(node: Node): Expression {
    const [result] = node.results as [Tensor];
    if (result instanceof Variable) {
      const name = this.#scope.nameOf(result);
      if (name === undefined) this.#scope.problem(`variable "${result.name}", which is no part of the model`);
      return atom(name ?? result.name);
    }
    const mean = this.#mean(node);
    if (mean) return mean;
    const row = rowOf(node);
    if (!row || node.effects.length > 0) {
      const where = node.layer ? ` in layer "${node.layer}"` : "";
      this.#scope.problem(
        node.op.source === "input"
          ? `input "${node.attrs["name"]}", which was not given`
          : `op ${node.op.name}${where}`,
      );
      return atom(node.op.name);
    }
    const raw = node.op.pointwise ? this.#broadcast(node) : node.inputs.map((input) => this.#whole(input));
    const op: OpCall = {
      raw,
      args: raw.map((each) => (each.isBool ? atom(`${operand(each, 0)}.long()`) : each)),
      inputs: node.inputs,
      result,
      attrs: node.attrs,
      sizes: (shape, inferred) => this.#sizes(shape, inferred),
      like: this.#like,
    };
    try {
      return row(op);
    } catch (error) {
      this.#scope.problem(`op ${node.op.name}: ${(error as Error).message}`);
      return atom(node.op.name);
    }
  }

  /** A mean: a sum times one by the count. Written so, it is right for batches of any size. */
  #mean(node: Node): Expression | undefined {
    const mean = meanOf(node);
    if (!mean || mean.keeps) return undefined;
    const { x, axes } = mean;
    const own = this.#whole(x);
    const all = axesText(axes, x.shape.length);
    // As PyTorch's losses say it.
    if (all === "" && own.text.startsWith("F.cross_entropy(") && !own.text.includes("ignore_index"))
      return atom(own.text.replace(', reduction="none"', ""));
    return atom(`${operand(own, 0)}.mean(${all})`);
  }

  /** Operands of an op on single elements, which broadcast by themselves. */
  #broadcast(node: Node): Expression[] {
    const { shape } = node.results[0]!;
    const bare = node.inputs.map((input) => stripped(input));
    const together = togetherOf(bare.map((tensor) => lazyShape(tensor)));
    if (sameShape(together, shape)) return bare.map((tensor) => this.#of(tensor));
    return [this.#whole(node.inputs[0]!), ...bare.slice(1).map((tensor) => this.#of(tensor))];
  }

  /** An operand that broadcasts, or a constant. */
  #of(tensor: Tensor): Expression {
    const known = this.#known.get(tensor);
    if (known) return known;
    const { node } = tensor;
    const value = fullValue(tensor);
    if (value !== undefined) {
      const text = tensor.dtype === "f32" || tensor.dtype === "f16" ? float(value) : number(value);
      return { text, level: text.startsWith("-") ? 1 : 0 };
    }
    if (node.op.name === "iota") return atom(this.#iota(tensor));
    if (node.op.name === "constant") return atom(this.#constant(tensor));
    return this.#whole(tensor);
  }

  /** An operand of exactly its shape. */
  #whole(tensor: Tensor): Expression {
    const known = this.#known.get(tensor);
    if (known) return known;
    const { node, shape } = tensor;
    if (fullValue(tensor) !== undefined) {
      const { text } = this.#of(tensor);
      return atom(`${this.#like}.new_full(${tuple(this.#sizes(shape))}, ${text}, dtype=${dtypes[tensor.dtype]})`);
    }
    if (node.op.name === "expand" || node.op.name === "iota") {
      const inner = node.op.name === "iota" ? tensor : node.inputs[0]!;
      if (fullValue(inner) !== undefined)
        return atom(
          `${this.#like}.new_full(${tuple(this.#sizes(shape))}, ${this.#of(inner).text}, dtype=${dtypes[tensor.dtype]})`,
        );
      return atom(`${operand(this.#of(inner), 0)}.expand(${sizeArguments(this.#sizes(shape))})`);
    }
    return this.#of(tensor);
  }

  #iota({ node, shape }: Tensor): string {
    const axis = iotaAxis(node);
    const [size] = this.#sizes([shape[axis]!]);
    const line = `torch.arange(${size}, device=${this.#like}.device)`;
    const after = shape.length - 1 - axis;
    return after === 0 ? line : `${line}.reshape(${[-1, ...Array(after).fill(1)].join(", ")})`;
  }

  #constant({ node, shape, dtype, size }: Tensor): string {
    if (size > mostNumbers) {
      this.#scope.problem(`a constant of ${size} numbers: make it an input, or a variable of the model`);
      return "constant";
    }
    const values = Array.from(node.attrs["data"] as ArrayLike<number>, (value) =>
      dtype === "i32" ? number(value) : float(value),
    );
    const text = `torch.tensor([${values.join(", ")}], device=${this.#like}.device)`;
    return shape.length === 1 ? text : `${text}.reshape(${sizeArguments(shape.map(String))})`;
  }

  /** Sizes as texts: those that depend on the batch, in terms of an input; `inferred` leaves a single one to PyTorch. */
  #sizes(shape: Shape, inferred = false): string[] {
    const { batch, inputs } = this.#scope;
    const depends = (size: number) => batch !== undefined && size % batch === 0 && size > 0;
    if (inferred && shape.filter(depends).length === 1) return shape.map((size) => (depends(size) ? "-1" : `${size}`));
    return shape.map((size) => {
      if (!depends(size)) return `${size}`;
      for (const [name, tensor] of inputs) {
        const axis = tensor.shape.findIndex(depends);
        if (axis < 0) continue;
        const [own, wanted] = [tensor.shape[axis]! / batch!, size / batch!];
        const text = `${name}.shape[${axis}]`;
        const samples = own === 1 ? text : `${text} // ${own}`;
        return wanted === own ? text : wanted === 1 ? samples : `${samples} * ${wanted}`;
      }
      this.#scope.problem("a size that depends on the batch, in a function without inputs");
      return `${size}`;
    });
  }
}

const rowOf = ({ op }: Node) => (isUsers(op) ? undefined : (opRows[op.name] ?? networkRows[op.name]));

const dtypes: Readonly<Record<string, string>> = {
  f32: "torch.float32",
  f16: "torch.float16",
  i32: "torch.int64",
  u32: "torch.int64",
};

/** Whether a node has no line of its own: its users write it. */
const isLazy = ({ op }: Node): boolean => ["expand", "full", "constant", "iota"].includes(op.name);

/** The shape that a lazy operand is written in. */
function lazyShape(tensor: Tensor): Shape {
  if (fullValue(tensor) !== undefined) return [];
  if (tensor.node.op.name !== "iota") return tensor.shape;
  const axis = iotaAxis(tensor.node);
  return tensor.shape.slice(axis).map((n, i) => (i === 0 ? n : 1));
}
