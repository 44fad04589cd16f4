import { FormatError } from "../../src/errors.ts";
import { type DType, type Shape, sizeOf } from "../../src/graph/shape.ts";
import type { Engine, Program, TensorData, Variable } from "../../src/index.ts";
import { elements, elementType, type HostArray } from "../../src/onnx/elements.ts";
import { importOnnx, type OnnxConstant, type OnnxGraph } from "../../src/onnx/index.ts";
import { type Model, readModel, type ValueInfo } from "../../src/onnx/model.ts";

/** An input or output as the file states it. */
export interface Port {
  readonly name: string;
  /** Sizes, names of sizes, "" for a size without a name; undefined where the file has no shape. */
  readonly dims: readonly (number | string)[] | undefined;
}

export interface InputPort extends Port {
  /** As ONNX names it, such as "int64". */
  readonly type: string;
  /** What tilegrad computes with. */
  readonly dtype: DType;
}

/** What a file says of its model. */
export interface About {
  /** The program that wrote it. */
  readonly producer: string;
  readonly opset: number;
  readonly nodes: number;
  /** How many nodes have each op, the most frequent first. */
  readonly ops: readonly (readonly [op: string, count: number])[];
  /** Tensors of weights and constants. */
  readonly tensors: number;
  /** Numbers in them. */
  readonly numbers: number;
  readonly inputs: readonly InputPort[];
  readonly outputs: readonly Port[];
  readonly metadata: readonly (readonly [key: string, text: string])[];
}

/** A result with its shape. */
export interface Result {
  readonly name: string;
  readonly shape: Shape;
  readonly data: TensorData | HostArray;
}

export interface Run {
  readonly results: readonly Result[];
  /** Milliseconds from the feeds to the results; undefined where all of them were known without a run. */
  readonly ms: number | undefined;
}

/** The names of the inputs that a model reads. */
export interface Prepared {
  readonly inputs: readonly string[];
  /** Milliseconds of importing and compiling. */
  readonly ms: number;
}

interface Compiled {
  readonly graph: OnnxGraph;
  readonly program: Program | undefined;
}

/** Runs one model after the other: in a worker. */
export class Lab {
  readonly #engine: Engine;
  #file: { readonly bytes: Uint8Array; readonly files: Readonly<Record<string, Uint8Array>> } | undefined;
  #compiled: Compiled | undefined;

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  /**
   * Reads a file, and takes it in place of the last one.
   * @param files beside it, with its weights. @throws FormatError for files that cannot run; the last one stays.
   */
  open(bytes: Uint8Array, files: Readonly<Record<string, Uint8Array>>): About {
    // Without outputs, only the ops are checked.
    const { metadata, producer, opset } = importOnnx(bytes, { outputs: [] });
    const { graph } = readModel(bytes);
    const weights = new Set(graph.initializers.map(({ name }) => name));
    const about = {
      producer,
      opset,
      nodes: graph.nodes.length,
      ops: countsOf(graph),
      tensors: graph.initializers.length,
      numbers: graph.initializers.reduce((sum, { dims }) => sum + sizeOf(dims), 0),
      inputs: graph.inputs.filter(({ name }) => !weights.has(name)).map(inputOf),
      outputs: graph.outputs.map(({ name, dims }) => ({ name, dims })),
      metadata: Object.entries(metadata),
    };
    this.#free();
    this.#file = { bytes, files };
    return about;
  }

  /**
   * Imports the model and compiles it.
   * @param shapes of all inputs. @param constants values of inputs that decide shapes.
   */
  async prepare(
    shapes: Readonly<Record<string, Shape>>,
    constants: Readonly<Record<string, OnnxConstant>>,
  ): Promise<Prepared> {
    this.#free();
    const began = performance.now();
    const { bytes, files } = this.#file!;
    const graph = importOnnx(bytes, { inputs: shapes, constants, files });
    this.#compiled = { graph, program: undefined };
    const { outputs } = graph;
    if (Object.keys(outputs).length > 0) this.#compiled = { graph, program: await this.#engine.compile({ outputs }) };
    return { inputs: Object.keys(graph.inputs), ms: performance.now() - began };
  }

  /** @param feeds values of the inputs that the model reads. */
  async run(feeds: Readonly<Record<string, TensorData>>): Promise<Run> {
    const { graph, program } = this.#compiled!;
    const began = performance.now();
    const computed = (await program?.compute(feeds)) ?? {};
    const ms = program && performance.now() - began;
    const shapes = Object.entries(graph.outputs).map(([name, { shape }]) => [name, shape] as const);
    return {
      results: [
        ...shapes.map(([name, shape]) => ({ name, shape, data: computed[name]! })),
        ...Object.entries(graph.known).map(([name, known]) => ({ name, ...known })),
      ],
      ms,
    };
  }

  #free(): void {
    if (!this.#compiled) return;
    const { graph, program } = this.#compiled;
    program?.destroy();
    this.#engine.free(graph.variables as Map<string, Variable>);
    this.#compiled = undefined;
  }
}

function countsOf({ nodes }: Model["graph"]): [op: string, count: number][] {
  const counts = new Map<string, number>();
  for (const { op } of nodes) counts.set(op, (counts.get(op) ?? 0) + 1);
  return [...counts].sort(([, a], [, b]) => b - a);
}

/** @throws FormatError for what this page cannot feed. */
function inputOf({ name, type: number, dims, isSequence }: ValueInfo): InputPort {
  const what = `input "${name}"`;
  if (isSequence) throw new FormatError(`${what} is a sequence of tensors, which this page cannot feed`);
  const type = elementType(what, number);
  return { name, type, dtype: elements[type].dtype, dims };
}
