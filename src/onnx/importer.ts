import { type Bytes, bytesOf, seemsToBe } from "../data/bytes.ts";
import { AttributeError, counted, FormatError, listed, noSuch, optionsOf, TilegradError } from "../errors.ts";
import { order } from "../graph/print.ts";
import { type Shape, sameShape, showShape, sizeOf } from "../graph/shape.ts";
import { checkNamed, Tensor, type Variable } from "../graph/tensor.ts";
import { input, Random, variable } from "../ops/index.ts";
import { evaluate } from "../reference/index.ts";
import { decode, type ElementType, elements, elementType, type HostArray } from "./elements.ts";
import { externalBytes } from "./external.ts";
import { type Graph, type Model, type NodeProto, readModel, type TensorProto, type ValueInfo } from "./model.ts";
import { neededNodes, readBy } from "./needed.ts";
import { type Built, NeededError, OpNode } from "./node.ts";
import type { OnnxConstant, OnnxGraph, OnnxOptions } from "./options.ts";
import { opsets } from "./registry.ts";
import { checkSupported, opName, rowOf } from "./supported.ts";
import { Value } from "./value.ts";

/**
 * Reads an ONNX model as a graph of tensors. Float weights become variables under their names, so the graph can be
 * trained further; integers and booleans become i32, and all floats f32. Shapes are static: whatever depends on shapes
 * alone is computed now.
 *
 * @param file its bytes: an ArrayBuffer or a view of one.
 * @returns inputs, outputs and variables.
 * At most 2²⁰ elements, and 16 for each byte of the file, are computed now; the rest becomes part of the graph.
 * @throws FormatError for a file that is damaged or not ONNX, and for unsupported ops, all of them at once;
 * AttributeError for dimensions without a size.
 */
export function importOnnx(file: Bytes, options: OnnxOptions = {}): OnnxGraph {
  const given = optionsOf("importOnnx", options, {
    dims: {},
    inputs: {},
    constants: {},
    outputs: undefined,
    files: {},
    variables: new Map<string, Variable>(),
    seed: 0,
  });
  checkNamed("importOnnx: variables", given.variables);
  const bytes = bytesOf(file, "importOnnx");
  let model: Model;
  try {
    model = readModel(bytes);
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    const kind = seemsToBe(bytes);
    throw new FormatError(`importOnnx: the file ${error.message}${/ONNX/.test(kind) ? "" : kind}`, { cause: error });
  }
  const { opset, graph } = model;
  if (opset < opsets[0] || opset > opsets[1]) {
    throw new FormatError(`importOnnx: the file uses opset ${opset}, supported are ${opsets[0]} to ${opsets[1]}`);
  }
  checkNames(graph, given);
  const importer = new Importer(model, given, bytes.length);
  checkSupported(graph, opset);
  return importer.import(given.outputs);
}

type Given = Required<Omit<OnnxOptions, "outputs">>;

/** Refuses names that the file does not have. */
function checkNames({ inputs, initializers }: Graph, given: Given): void {
  const names = [...inputs, ...initializers].map(({ name }) => name);
  for (const option of ["inputs", "constants"] as const)
    for (const name of Object.keys(given[option]))
      if (!names.includes(name)) throw new AttributeError(`importOnnx: ${option}: ${noSuch("input", name, names)}`);
  const sizes = inputs.flatMap(({ dims = [] }) => dims.filter((dim) => typeof dim === "string" && dim !== ""));
  for (const name of Object.keys(given.dims)) {
    if (sizes.includes(name)) continue;
    const [first] = inputs.filter(({ dims }) => dims);
    const fixed = first?.dims ? `: all sizes are fixed, such as ${first.name} [${first.dims.join(", ")}]` : "";
    throw new AttributeError(
      sizes.length > 0
        ? `importOnnx: dims: ${noSuch("size", name, [...new Set(sizes as string[])])}`
        : `importOnnx: dims: there is no size "${name}"${fixed}; another shape goes into inputs, by the name of the input`,
    );
  }
  for (const { name, dims } of inputs) {
    const shape = given.inputs[name];
    const isShape = Array.isArray(shape) && shape.every((size) => typeof size === "number");
    if (dims && isShape && shape.length !== dims.length)
      throw new AttributeError(
        `importOnnx: inputs: "${name}" is given as ${showShape(shape as Shape)}, the file says [${dims.join(", ")}]`,
      );
  }
}

class Importer {
  readonly #model: Model;
  readonly #given: Given;
  /** How many more elements may be computed on the host. A file cannot make the importer use much more memory than it has. */
  #budget: number;
  readonly #inputs = new Map<string, Tensor>();
  readonly #variables = new Map<string, Variable>();
  readonly #weights = new Map<TensorProto, Variable>();
  readonly #random: Random;

  constructor(model: Model, given: Given, length: number) {
    this.#model = model;
    this.#given = given;
    this.#budget = 2 ** 20 + 16 * length;
    this.#random = new Random(given.seed);
  }

  import(outputs: readonly string[] | undefined): OnnxGraph {
    const { graph, opset, producer, metadata } = this.#model;
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
      inputs: Object.fromEntries([...this.#inputs].filter(([, tensor]) => reached.has(tensor))),
      outputs: computed,
      known,
      variables: this.#variables,
      opset,
      producer,
      metadata: Object.fromEntries(metadata),
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
      graph.inputs.filter(
        ({ name }) => read.has(name) && !(initializers.has(name) && !Object.hasOwn(this.#given.inputs, name)),
      ),
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
      const fixed = own(constants, name);
      const instead = own(inputs, name);
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
        const tensor = input(name, shape, elements[type].dtype);
        this.#inputs.set(name, tensor);
        values.set(name, Value.of(name, type, tensor));
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
      const item = `${name}.${i}`;
      const tensor = input(item, shape, elements[type].dtype);
      this.#inputs.set(item, tensor);
      return Value.of(item, type, tensor);
    });
    return Value.sequence(name, items);
  }

  /** The shape of an input, and what is not known of it, in words. */
  #shapeOf({ name, dims }: ValueInfo, instead: Shape | undefined): [shape: number[], holes: string[]] {
    if (instead) return [[...instead], []];
    if (!dims) return [[], [`the shape of "${name}" (pass it in inputs)`]];
    const holes: string[] = [];
    const shape = dims.map((dim, axis) => {
      const size = typeof dim === "string" ? own(this.#given.dims, dim) : dim;
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

  /** A tensor in the file. Floats of one axis or more become variables; others are known. */
  #initializer(proto: TensorProto): Value {
    return this.#weight(proto.name, proto);
  }

  #weight(name: string, proto: TensorProto): Value {
    const what = `importOnnx: "${name}"`;
    const type = elementType(what, proto.type);
    const { dims } = proto;
    const numbers = (): HostArray =>
      decode(what, proto, proto.external ? externalBytes(what, proto, this.#given.files) : proto.raw);
    if (elements[type].dtype !== "f32" || dims.length === 0 || sizeOf(dims) === 0) {
      return Value.known(name, type, dims, numbers());
    }
    return Value.weight(name, type, dims, numbers, () => this.#variable(name, proto, numbers));
  }

  /** The variable of a weight. Graphs inside of nodes may use one name for several weights. */
  #variable(name: string, proto: TensorProto, numbers: () => HostArray): Variable {
    const known = this.#weights.get(proto);
    if (known) return known;
    let own = name;
    for (let i = 2; this.#variables.has(own); i++) own = `${name}.${i}`;
    const given = this.#given.variables.get(own);
    if (given && !(sameShape(given.shape, proto.dims) && given.dtype === "f32"))
      throw new AttributeError(
        `importOnnx: variable "${own}" is ${given.dtype}${showShape(given.shape)}, the file says f32${showShape(proto.dims)}`,
      );
    const made = given ?? variable(Float32Array.from(numbers()), proto.dims, { name: own });
    this.#weights.set(proto, made);
    this.#variables.set(own, made);
    return made;
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
      weight: (name: string, proto: TensorProto) => this.#weight(name, proto),
      numbersOf: (value: Value) => this.#numbersOf(value),
    };
    const node = new OpNode(proto, this.#model.opset, inputs, scope);
    try {
      const built = rowOf(proto, this.#model.opset)!.build(node);
      const results = valuesOf(node, built);
      const isKnown = inputs.length > 0 && inputs.every((value) => value === undefined || value.isKnown);
      return isKnown ? results.map((value) => value && this.#folded(value)) : results;
    } catch (error) {
      const { message } = error as Error;
      if (message.startsWith("importOnnx")) throw error;
      // Anything else comes of attributes or inputs that the op cannot have.
      const isOurs = error instanceof TilegradError && !(error instanceof NeededError);
      throw new (isOurs ? (error.constructor as typeof TilegradError) : FormatError)(
        `importOnnx: ${describe(proto)}: ${message}`,
        { cause: error },
      );
    }
  }

  /** Computes a value now, unless it depends on weights. */
  #folded(value: Value): Value {
    if (value.isKnown || value.items) return value;
    const data = this.#computed(value, ["input", "variable"]);
    return data ? Value.known(value.name, value.type, value.shape, data) : value;
  }

  /** The numbers of a value that decides a shape or the like: weights have their first values. */
  #numbersOf(value: Value): HostArray | undefined {
    return value.host ?? (value.items ? undefined : this.#computed(value, ["input"]));
  }

  /** Computes a value now, unless it depends on these sources or on random numbers, or is too large. */
  #computed(value: Value, sources: readonly (string | undefined)[]): HostArray | undefined {
    if (value.size > this.#budget) return undefined;
    const depends = order([value.tensor]).some(
      ({ op, results }) => sources.includes(op.source) || results.includes(this.#random.key),
    );
    if (depends) return undefined;
    this.#budget -= value.size;
    return Float64Array.from(evaluate([value.tensor])[0]!.data);
  }
}

/** An entry of a record, and not what every object has under that name. */
const own = <T>(record: Readonly<Record<string, T>>, name: string): T | undefined =>
  Object.hasOwn(record, name) ? record[name] : undefined;

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
