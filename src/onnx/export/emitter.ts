import { AttributeError } from "../../errors.ts";
import type { DType, Shape } from "../../graph/shape.ts";
import type { Tensor } from "../../graph/tensor.ts";
import type { Attributes, ElementName, Initializer, OutGraph, OutNode, OutValue } from "./proto.ts";

/** The name of the size that is known when the model runs. */
const batchName = "batch";

/** A graph of ONNX on its way: nodes, numbers, inputs and outputs, each under a name of its own. */
export class Emitter {
  readonly opset: number;
  /** The size that stands for the batch, where there is one: the first of each input. */
  readonly #batch: number | undefined;
  readonly #nodes: OutNode[] = [];
  readonly #initializers = new Map<string, Initializer>();
  readonly #inputs: OutValue[] = [];
  readonly #outputs = new Map<string, OutValue>();
  readonly #used = new Set<string>();
  /** Results of nodes that are asked for again: constants, sizes and casts. */
  readonly #shared = new Map<string, string>();
  /** Path of the layer whose nodes are being written. */
  protected layer = "";

  constructor(opset: number, batch: number | undefined) {
    this.opset = opset;
    this.#batch = batch;
  }

  get graph(): OutGraph {
    return {
      nodes: this.#nodes,
      initializers: this.#initializers,
      inputs: this.#inputs,
      outputs: [...this.#outputs.values()],
    };
  }

  emit(op: string, inputs: readonly string[], attributes: Attributes = {}): string {
    return this.emitAll(op, inputs, attributes, 1)[0]!;
  }

  emitAll(op: string, inputs: readonly string[], attributes: Attributes, count: number): string[] {
    const name = this.#unique(`/${this.layer ? `${this.layer.replaceAll(".", "/")}/` : ""}${op}`);
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

  /** Numbers of the graph. Equal ones are stored once, if they are few. */
  constant(data: ArrayLike<number>, shape: Shape, type: ElementName): string {
    const make = () => this.initializer("constant", { type, shape, data, isWeight: false });
    if (data.length > 64) return make();
    const numbers = Array.from(data, (value) => (Object.is(value, -0) ? "-0" : value));
    return this.once(`${type} [${shape}] ${numbers}`, make);
  }

  initializer(hint: string, content: Initializer): string {
    const name = this.#unique(hint);
    this.#initializers.set(name, content);
    return name;
  }

  reshape(name: string, shape: Shape): string {
    const open = shape.filter((size) => this.isOpen(size)).length;
    const wanted = open > 1 ? this.sizes(shape) : this.ints(shape.map((size) => (this.isOpen(size) ? -1 : size)));
    return this.emit("Reshape", [name, wanted], { allowzero: shape.includes(0) ? 1 : undefined });
  }

  isOpen(size: number): boolean {
    return this.#batch !== undefined && size > 0 && size % this.#batch === 0;
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
    const own = this.once("batch", () => this.emit("Shape", [this.#inputs[0]!.name], { start: 0, end: 1 }));
    const times = size / this.#batch!;
    return times === 1 ? own : this.once(`batch × ${times}`, () => this.emit("Mul", [own, this.ints([times])]));
  }

  /** Reductions took their axes as an attribute until version 18; `ReduceSum` takes them as an input. */
  reduced(op: string, x: string, axes: readonly number[], keeps = false): string {
    const keepdims = keeps ? 1 : 0;
    if (op === "ReduceSum" || this.opset >= 18) return this.emit(op, [x, this.ints(axes)], { keepdims });
    return this.emit(op, [x], { axes, keepdims });
  }

  /** What was made under a key before, or now. */
  once(key: string, make: () => string): string {
    const known = this.#shared.get(key);
    if (known !== undefined) return known;
    const made = make();
    this.#shared.set(key, made);
    return made;
  }

  /** Keeps a name for an input or output, which users know by it. */
  protected claim(kind: "input" | "output", name: string): void {
    if (name === "") throw new AttributeError(`exportOnnx: an ${kind} has no name`);
    if (this.#used.has(name)) throw new AttributeError(`exportOnnx: two inputs or outputs have the name "${name}"`);
    this.#used.add(name);
  }

  protected addInput(name: string, tensor: Tensor): void {
    this.claim("input", name);
    this.#inputs.push(this.#described(name, tensor));
  }

  /**
   * Makes a value an output under a name that has been claimed: the node that makes it takes the name, if no other
   * output has taken it.
   * @returns whether the value now has this name everywhere.
   */
  protected addOutput(name: string, value: string, tensor: Tensor): boolean {
    const isMade = this.#nodes.some(({ outputs }) => outputs.includes(value));
    const isTaken = !isMade || this.#outputs.has(value);
    this.#outputs.set(name, this.#described(name, tensor));
    if (isTaken) {
      this.#nodes.push({
        op: "Identity",
        name: this.#unique("/Identity"),
        inputs: [value],
        outputs: [name],
        attributes: {},
      });
      return false;
    }
    const renamed = (each: string) => (each === value ? name : each);
    for (const node of this.#nodes) {
      node.inputs = node.inputs.map(renamed);
      node.outputs = node.outputs.map(renamed);
    }
    for (const [key, known] of this.#shared) this.#shared.set(key, renamed(known));
    return true;
  }

  /** A name that no other value or node has. */
  #unique(hint: string): string {
    let name = hint;
    for (let i = 1; this.#used.has(name); i++) name = `${hint}_${i}`;
    this.#used.add(name);
    return name;
  }

  #described(name: string, { dtype, shape }: Tensor): OutValue {
    const batch = this.#batch!;
    return {
      name,
      type: dtype,
      dims: shape.map((size) =>
        !this.isOpen(size) ? size : size === batch ? batchName : `${size / batch} * ${batchName}`,
      ),
    };
  }
}
