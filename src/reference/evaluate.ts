import { counted, FeedError } from "../errors.ts";
import { order } from "../graph/print.ts";
import { asDType } from "../graph/program.ts";
import { showShape, sizeOf } from "../graph/shape.ts";
import type { Node, Tensor, TensorData, Variable } from "../graph/tensor.ts";
import { compute } from "./kernels.ts";
import type { Value } from "./value.ts";

/** Values of a graph's leaves. */
export interface Feeds {
  /** Values of inputs by name, row-major. */
  readonly inputs?: Readonly<Record<string, ArrayLike<number>>>;
  /** Values of variables that differ from their first ones. */
  readonly variables?: ReadonlyMap<Variable, ArrayLike<number>>;
}

/** Tensors by name, or in a list. */
export type Outputs = readonly Tensor[] | Readonly<Record<string, Tensor>>;

/** A value for each output, under the same name or index. */
export type Values<O extends Outputs> = { readonly [K in keyof O]: Value };

/**
 * Computes tensors on the CPU in float64, node by node and without optimisation: the reference for the GPU's results.
 *
 * @param outputs the tensors to compute, in a list or by name.
 * @param feeds values of the inputs, and of variables that no longer have their first values.
 * @throws FeedError for inputs that are missing, unknown or of the wrong size, and for labels out of range. StateError
 * for a variable whose value is on a GPU.
 */
export function evaluate<O extends Outputs>(outputs: O, feeds: Feeds = {}): Values<O> {
  const lookUp = evaluateAll(Object.values(outputs), feeds);
  const entries = Object.entries(outputs).map(([key, tensor]) => [key, lookUp(tensor)] as const);
  return (Array.isArray(outputs) ? entries.map(([, value]) => value) : Object.fromEntries(entries)) as Values<O>;
}

/** Computes everything that `roots` need, and returns a function that looks up the value of any of these tensors. */
export function evaluateAll(roots: readonly Tensor[], feeds: Feeds): (tensor: Tensor) => Value {
  const done = new Map<Node, readonly Value[]>();
  const lookUp = (tensor: Tensor): Value => done.get(tensor.node)![tensor.index]!;
  const nodes = order(roots);
  checkNames(nodes, feeds.inputs ?? {});
  const resultsOf = (node: Node): readonly Value[] => {
    const made = node.op.compose?.(node.inputs, node.attrs);
    if (made) {
      for (const inner of order(made)) visit(inner);
      return made.map(lookUp);
    }
    const inputs = node.inputs.map(lookUp);
    checkBounds(node, inputs);
    const results = node.op.source ? [leaf(node, feeds)] : compute(node, inputs);
    return node.results.map(({ shape, dtype }, i) => ({ shape, dtype, data: cut(results[i]!, dtype) }));
  };
  const visit = (node: Node): void => {
    if (!done.has(node)) done.set(node, resultsOf(node));
  };
  nodes.forEach(visit);
  return lookUp;
}

/** Converts the values of integer tensors to 32 bits. */
const cut = (data: Float64Array, dtype: Value["dtype"]): Float64Array =>
  dtype === "i32" || dtype === "u32" ? data.map((value) => asDType(value, dtype)) : data;

function leaf({ op, attrs, results }: Node, { inputs = {}, variables }: Feeds): Float64Array {
  const [{ shape }] = results as [Tensor];
  switch (op.source!) {
    case "constant":
      return "value" in attrs
        ? new Float64Array(sizeOf(shape)).fill(attrs.value)
        : Float64Array.from(attrs.data as ArrayLike<number>);
    case "variable": {
      const variable = results[0] as Variable;
      return sized(`variable "${variable.name}"`, variables?.get(variable) ?? firstOf(variable), shape);
    }
    case "input": {
      const fed = inputs[attrs.name];
      if (!fed)
        throw new FeedError(`input "${attrs.name}" ${showShape(shape)} was not given: pass its value in \`inputs\``);
      return sized(`input "${attrs.name}"`, fed, shape);
    }
  }
}

/**
 * @throws StateError when the variable has changed since: its value is on a GPU.
 */
export function firstOf(variable: Variable): TensorData {
  variable.checkFirst("pass its value in `variables`", "was changed in an engine, or freed");
  return variable.initial;
}

function sized(what: string, data: ArrayLike<number>, shape: readonly number[]): Float64Array {
  if (data.length !== sizeOf(shape)) {
    throw new FeedError(
      `${what}: got ${counted(data.length, "value")}, expected ${sizeOf(shape)} for shape ${showShape(shape)}`,
    );
  }
  return Float64Array.from(data);
}

function checkNames(nodes: readonly Node[], inputs: Readonly<Record<string, unknown>>): void {
  const names = new Set(nodes.flatMap(({ op, attrs }) => (op.source === "input" ? [attrs.name as string] : [])));
  const surplus = Object.keys(inputs).find((name) => !names.has(name));
  if (surplus !== undefined) {
    throw new FeedError(`input "${surplus}" is not read; the inputs are ${[...names].join(", ") || "none"}`);
  }
}

/** Checks the ranges of fed integers; each kernel handles computed ones itself. */
function checkBounds(node: Node, values: readonly Value[]): void {
  for (const { input, low, high, except } of node.op.bounds?.(node) ?? []) {
    let from = node.inputs[input]!.node;
    while (from.op.view && from.inputs.length === 1) from = from.inputs[0]!.node;
    if (from.op.source !== "input") continue;
    const bad = values[input]!.data.find((value) => (value < low || value > high) && value !== except);
    if (bad !== undefined) {
      throw new FeedError(`input "${from.attrs.name}" holds ${bad}; ${node.op.name} takes ${low} to ${high}`);
    }
  }
}
