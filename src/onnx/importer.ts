import { AttributeError, counted, FormatError, listed, noSuch, optionsOf, TilegradError } from "../errors.ts";
import { order } from "../graph/print.ts";
import { type Shape, showShape, sizeOf } from "../graph/shape.ts";
import { Tensor, type Variable } from "../graph/tensor.ts";
import { input, Random, variable } from "../ops/index.ts";
import { evaluate } from "../reference/index.ts";
import { decode, type ElementType, elements, elementType, type HostArray } from "./elements.ts";
import { externalBytes } from "./external.ts";
import { type Graph, type Model, type NodeProto, readModel, type TensorProto, type ValueInfo } from "./model.ts";
import { type Built, NeededError, OpNode, type OpRow } from "./node.ts";
import { opsets, registry } from "./registry.ts";
import { Value } from "./value.ts";

/** A value for an input that is fixed while the graph is imported. */
export interface OnnxConstant {
  readonly data: ArrayLike<number>;
  /** Default: the shape in the file. */
  readonly shape?: Shape;
}

export interface OnnxOptions {
  /** Sizes of symbolic dimensions by name, such as `{ batch: 1 }`. */
  readonly dims?: Readonly<Record<string, number>>;
  /**
   * By name: the shape of an input that has none, or another shape than in the file; or a tensor to use in its place,
   * such as one that a layer made. For a sequence, the shape of each of its tensors: they become inputs "name.0", …
   */
  readonly inputs?: Readonly<Record<string, Shape | readonly Shape[] | Tensor>>;
  /** Inputs that are fixed now, since they decide shapes. */
  readonly constants?: Readonly<Record<string, OnnxConstant | ArrayLike<number>>>;
  /** The outputs, or inner values, to compute; default all outputs of the graph. */
  readonly outputs?: readonly string[];
  /** Files beside the model that hold its weights, by the path that the model states. */
  readonly files?: Readonly<Record<string, Uint8Array>>;
  /** Seed of random numbers, as of dropout in training; default 0. */
  readonly seed?: number;
}

/** An imported graph. */
export interface OnnxGraph {
  /** Inputs that the outputs depend on and a program is fed, by name. */
  readonly inputs: Readonly<Record<string, Tensor>>;
  /** Results by name, for `engine.compile`. The tensors of a sequence are "name.0", "name.1", … */
  readonly outputs: Readonly<Record<string, Tensor>>;
  /** Results that are known without a program, such as shapes, and those without elements. */
  readonly known: Readonly<Record<string, { readonly shape: Shape; readonly data: HostArray }>>;
  /** Weights by name, as `io.load` and optimizers take them. */
  readonly variables: Map<string, Variable>;
  /** Version of the operator set. */
  readonly opset: number;
  /** The program that wrote the file. */
  readonly producer: string;
}

/**
 * Reads an ONNX model as a graph of tensors. Float weights become variables under their names, so the graph can be
 * trained further; integers and booleans become i32, and all floats f32. Shapes are static: whatever depends on shapes
 * alone is computed now.
 *
 * @param bytes the file.
 * @returns inputs, outputs and variables.
 * @throws FormatError for a file that is damaged or not ONNX, and for unsupported ops, all of them at once;
 * AttributeError for dimensions without a size.
 */
export function importOnnx(bytes: Uint8Array, options: OnnxOptions = {}): OnnxGraph {
  const given = optionsOf("importOnnx", options, {
    dims: {},
    inputs: {},
    constants: {},
    outputs: undefined,
    files: {},
    seed: 0,
  });
  if (!ArrayBuffer.isView(bytes) || bytes.BYTES_PER_ELEMENT !== 1)
    throw new AttributeError("importOnnx: the file is not a Uint8Array");
  let model: Model;
  try {
    model = readModel(bytes);
  } catch (error) {
    if (error instanceof FormatError) throw new FormatError(`importOnnx: the file ${error.message}`, { cause: error });
    throw error;
  }
  const { opset, graph } = model;
  if (opset < opsets[0] || opset > opsets[1]) {
    throw new FormatError(`importOnnx: the file uses opset ${opset}, supported are ${opsets[0]} to ${opsets[1]}`);
  }
  const importer = new Importer(model, given, bytes.length);
  checkSupported(graph, opset);
  return importer.import(given.outputs);
}

const rows: ReadonlyMap<string, OpRow> = new Map(registry.map((row) => [row.op, row]));

const opName = ({ op, domain }: NodeProto): string => (domain === "" ? op : `${domain}.${op}`);

/** Whether an op of this version can be imported. */
function rowOf(node: NodeProto, opset: number): OpRow | undefined {
  const row = node.domain === "" ? rows.get(node.op) : undefined;
  return row && row.since[0]! <= opset ? row : undefined;
}

/** Names all unsupported ops at once. */
function checkSupported(graph: Graph, opset: number): void {
  const missing = new Map<string, { count: number; first: string }>();
  const visit = ({ nodes }: Graph): void => {
    for (const node of nodes) {
      if (!rowOf(node, opset)) {
        const name = opName(node);
        const found = missing.get(name) ?? { count: 0, first: node.name || (node.outputs[0] ?? "") };
        missing.set(name, { ...found, count: found.count + 1 });
      }
      for (const { graph: inner } of node.attributes.values()) if (inner) visit(inner);
    }
  };
  visit(graph);
  if (missing.size === 0) return;
  const ops = [...missing].map(([name, { count, first }]) => `${name} × ${count} (first at "${first}")`);
  throw new FormatError(
    `importOnnx: ${counted(missing.size, "op")} of this file (opset ${opset}) not supported: ${listed(ops)}`,
  );
}

type Given = Required<Omit<OnnxOptions, "outputs">>;

class Importer {
  readonly #model: Model;
  readonly #given: Given;
  /** Values with more elements than this are not computed on the host. */
  readonly #most: number;
  readonly #inputs: Record<string, Tensor> = {};
  readonly #variables = new Map<string, Variable>();
  readonly #random: Random;

  constructor(model: Model, given: Given, length: number) {
    this.#model = model;
    this.#given = given;
    this.#most = 65536 + length;
    this.#random = new Random(given.seed);
  }

  import(outputs: readonly string[] | undefined): OnnxGraph {
    const { graph, opset, producer } = this.#model;
    const wanted = outputs ?? graph.outputs.map(({ name }) => name);
    const values = this.#run(graph, wanted, new Map());
    const results = values.flatMap((value, i): [string, Value][] =>
      value.items ? value.items.map((item, k) => [`${wanted[i]}.${k}`, item]) : [[wanted[i]!, value]],
    );
    const known = Object.fromEntries(
      results.flatMap(([name, { isKnown, shape, host }]) => (isKnown ? [[name, { shape, data: host! }]] : [])),
    );
    const computed = Object.fromEntries(
      results.flatMap(([name, value]) => (value.isKnown ? [] : [[name, value.tensor] as const])),
    );
    const reached = new Set(order(Object.values(computed)).map((node) => node.results[0]));
    return {
      inputs: Object.fromEntries(Object.entries(this.#inputs).filter(([, tensor]) => reached.has(tensor))),
      outputs: computed,
      known,
      variables: this.#variables,
      opset,
      producer,
    };
  }

  /** Imports a graph; returns the values with the given names. `outer` are those of the graphs around it. */
  #run(graph: Graph, wanted: readonly string[], outer: ReadonlyMap<string, Value>): Value[] {
    const values = new Map(outer);
    const initializers = new Map(graph.initializers.map((proto) => [proto.name, proto]));
    const needed = neededNodes(graph, wanted);
    const read = new Set([...wanted, ...[...needed].flatMap(readBy)]);
    for (const proto of graph.initializers) if (read.has(proto.name)) values.set(proto.name, this.#initializer(proto));
    this.#bind(
      graph.inputs.filter(({ name }) => read.has(name) && !(initializers.has(name) && !(name in this.#given.inputs))),
      values,
    );
    for (const node of graph.nodes) {
      if (!needed.has(node)) continue;
      const results = this.#node(node, values);
      node.outputs.forEach((name, i) => {
        const value = results[i];
        if (name !== "" && value) values.set(name, value);
      });
    }
    return wanted.map((name) => {
      const value = values.get(name);
      if (value) return value;
      throw new FormatError(`importOnnx: ${noSuch("value", name, [...graph.outputs.map((output) => output.name)])}`);
    });
  }

  /** Makes the inputs of the graph. */
  #bind(infos: readonly ValueInfo[], values: Map<string, Value>): void {
    const { constants, inputs } = this.#given;
    const unbound: string[] = [];
    for (const info of infos) {
      const { name } = info;
      const type = elementType(`importOnnx: input "${name}"`, info.type);
      const fixed = constants[name];
      const instead = inputs[name];
      if (instead instanceof Tensor) {
        values.set(name, Value.of(name, type, instead));
        continue;
      }
      if (info.isSequence) {
        values.set(name, this.#sequence(name, type, instead));
        continue;
      }
      const [shape, holes] = this.#shapeOf(info, Array.isArray(instead) ? instead : (fixed as OnnxConstant)?.shape);
      if (fixed !== undefined && holes.length === 0) {
        const data = "data" in fixed ? fixed.data : fixed;
        if (data.length !== sizeOf(shape)) {
          throw new AttributeError(
            `importOnnx: constant "${name}" has ${counted(data.length, "element")}, expected ${showShape(shape)}`,
          );
        }
        values.set(name, Value.known(name, type, shape, Array.from(data)));
      } else if (holes.length > 0) unbound.push(...holes);
      else if (sizeOf(shape) === 0) values.set(name, Value.known(name, type, shape, []));
      else {
        this.#inputs[name] = input(name, shape, elements[type].dtype);
        values.set(name, Value.of(name, type, this.#inputs[name]!));
      }
    }
    if (unbound.length > 0) {
      throw new AttributeError(
        `importOnnx: ${counted(unbound.length, "dimension")} without a size: ${listed(unbound)}`,
      );
    }
  }

  /** Inputs for the tensors of a sequence. */
  #sequence(name: string, type: ElementType, shapes: Shape | readonly Shape[] | undefined): Value {
    if (!Array.isArray(shapes) || !shapes.every(Array.isArray))
      throw new AttributeError(`importOnnx: input "${name}" is a sequence: pass the shapes of its tensors in inputs`);
    const items = (shapes as readonly Shape[]).map((shape, i) => {
      const own = `${name}.${i}`;
      this.#inputs[own] = input(own, shape, elements[type].dtype);
      return Value.of(own, type, this.#inputs[own]!);
    });
    return Value.sequence(name, items);
  }

  /** The shape of an input, and what is not known of it, in words. */
  #shapeOf({ name, dims }: ValueInfo, instead: Shape | undefined): [shape: number[], holes: string[]] {
    if (instead) return [[...instead], []];
    if (!dims) return [[], [`the shape of "${name}" (pass it in inputs)`]];
    const holes: string[] = [];
    const shape = dims.map((dim, axis) => {
      const size = typeof dim === "string" ? this.#given.dims[dim] : dim;
      if (size !== undefined && Number.isInteger(size) && size >= 0) return size;
      holes.push(
        typeof dim === "string" && dim !== ""
          ? `"${dim}" of input "${name}" (pass it in dims)`
          : `axis ${axis} of input "${name}" (pass its shape in inputs)`,
      );
      return 1;
    });
    return [shape, holes];
  }

  /** A weight. Floats of one axis or more become variables; others are known. */
  #initializer(proto: TensorProto): Value {
    const what = `importOnnx: initializer "${proto.name}"`;
    const type = elementType(what, proto.type);
    const { name, dims } = proto;
    const numbers = (): HostArray =>
      decode(what, proto, proto.external ? externalBytes(what, proto, this.#given.files) : proto.raw);
    if (elements[type].dtype !== "f32" || dims.length === 0 || sizeOf(dims) === 0) {
      return Value.known(name, type, dims, numbers());
    }
    return Value.weight(name, type, dims, numbers, () => {
      const known = this.#variables.get(name);
      if (known) return known;
      const made = variable(Float32Array.from(numbers()), dims, { name });
      this.#variables.set(name, made);
      return made;
    });
  }

  #node(proto: NodeProto, values: ReadonlyMap<string, Value>): readonly (Value | undefined)[] {
    const inputs = proto.inputs.map((name) => {
      if (name === "") return undefined;
      const value = values.get(name);
      if (value) return value;
      throw new FormatError(
        `importOnnx: ${describe(proto)} reads "${name}", which no node before it makes: the file has a cycle or is damaged`,
      );
    });
    const scope = {
      run: (graph: Graph) =>
        this.#run(
          graph,
          graph.outputs.map(({ name }) => name),
          values,
        ),
      random: this.#random,
    };
    const node = new OpNode(proto, this.#model.opset, inputs, scope);
    try {
      const built = rowOf(proto, this.#model.opset)!.build(node);
      const results = valuesOf(node, built);
      const isKnown = inputs.length > 0 && inputs.every((value) => value === undefined || value.isKnown);
      return isKnown ? results.map((value) => value && this.#folded(value)) : results;
    } catch (error) {
      if (!(error instanceof TilegradError) || error.message.startsWith("importOnnx")) throw error;
      const message = `importOnnx: ${describe(proto)}: ${error.message}`;
      if (error instanceof NeededError) throw Object.assign(new FormatError(message, { cause: error }));
      throw new (error.constructor as typeof TilegradError)(message, { cause: error });
    }
  }

  /** Computes a value now. */
  #folded(value: Value): Value {
    if (value.isKnown || value.items || value.size > this.#most) return value;
    const { data } = evaluate([value.tensor])[0]!;
    return Value.known(value.name, value.type, value.shape, Float64Array.from(data));
  }
}

const describe = (node: NodeProto): string => `${opName(node)} "${node.name || (node.outputs[0] ?? "")}"`;

/** Results as values, each under its name. */
function valuesOf(node: OpNode, built: Built): readonly (Value | undefined)[] {
  const list = Array.isArray(built) ? (built as readonly (Value | Tensor | undefined)[]) : [built as Value | Tensor];
  const type: ElementType = node.inputs.find((value) => value !== undefined)?.type ?? "float32";
  return list.map((result, i) => {
    const name = node.outputs[i] ?? "";
    if (result instanceof Tensor) return Value.of(name, type, result);
    return result && result.name !== name ? result.renamed(name) : result;
  });
}

/** Names that a node reads, also in the graphs that it holds. */
function readBy({ inputs, attributes }: NodeProto): string[] {
  const names = [...inputs];
  for (const { graph } of attributes.values()) {
    if (graph) names.push(...graph.outputs.map(({ name }) => name), ...graph.nodes.flatMap(readBy));
  }
  return names;
}

/** The nodes that the wanted values need. Nodes are in order, so one walk from the end finds them. */
function neededNodes(graph: Graph, wanted: readonly string[]): ReadonlySet<NodeProto> {
  const names = new Set(wanted);
  const needed = new Set<NodeProto>();
  for (let i = graph.nodes.length - 1; i >= 0; i--) {
    const node = graph.nodes[i]!;
    if (!node.outputs.some((name) => names.has(name))) continue;
    needed.add(node);
    for (const name of readBy(node)) names.add(name);
  }
  return needed;
}
