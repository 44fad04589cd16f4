import type { Node, Spec, Tensor, Variable } from "../graph/tensor.ts";
import type { Call } from "../kernels/call.ts";
import { pathOf, stateDict } from "../nn/module.ts";
import { within } from "./format.ts";
import type { Model } from "./layers.ts";
import type { LayerSummary } from "./report.ts";
import { type TreeLayer, treeOf } from "./tree.ts";

/** The layers of a model with what each costs in a program. @param nodes of the program, @param calls its kernels. */
export function layersOf(
  model: Model,
  nodes: readonly Node[],
  outputs: readonly Tensor[],
  calls: readonly Call[],
): LayerSummary[] {
  const base = pathOf(stateDict(model));
  const tree = treeOf(model);
  const full = (path: string): string => (path === "" ? base : within(base, path));
  const byPath = new Map(tree.map((layer) => [full(layer.path), layer]));
  /** The innermost layer of the tree that contains a path. */
  const layerAt = (path: string): TreeLayer => {
    for (let at = path; at !== ""; at = at.slice(0, Math.max(0, at.lastIndexOf(".")))) {
      const layer = byPath.get(at);
      if (layer) return layer;
    }
    return tree[0]!;
  };
  const written = new Set<unknown>();
  /** Bytes of scratch memory that a call is the first to write. */
  const bytesOf = ({ bindings }: Call): number =>
    bindings
      .filter(({ buffer, access }) => buffer.kind === "scratch" && access !== "read" && isNew(written, buffer))
      .reduce((sum, { buffer }) => sum + buffer.bytes, 0);
  const costs = new Map(tree.map((layer) => [layer, { memory: 0, operations: 0, kernels: 0 }]));
  for (const call of calls) {
    const cost = costs.get(layerAt(call.layer ?? ""))!;
    cost.memory += bytesOf(call);
    cost.operations += call.flops;
    cost.kernels++;
  }
  const seen = new Set<Variable>();
  return tree.map((layer) => {
    const { path, kind, depth, variables } = layer;
    const own = variables.filter((variable) => isNew(seen, variable));
    const size = (list: readonly Variable[]) => list.reduce((sum, { size }) => sum + size, 0);
    const parameters = own.filter(({ group }) => group === "parameters");
    return {
      path,
      kind,
      depth,
      output: path === "" ? outputs[0] : resultOf(full(path), nodes, outputs),
      parameters: size(parameters),
      frozen: size(parameters.filter(({ frozen }) => frozen)),
      buffers: size(own) - size(parameters),
      ...costs.get(layer)!,
    };
  });
}

/** The result of a layer: what it computed last of all that the model's result depends on. */
function resultOf(path: string, nodes: readonly Node[], outputs: readonly Tensor[]): Spec | undefined {
  const isInside = ({ op, layer }: Node) => !op.source && (layer === path || layer.startsWith(`${path}.`));
  const last = nodes.findLast(isInside);
  if (!last) return undefined;
  const used = new Set([...outputs, ...nodes.filter((node) => !isInside(node)).flatMap(({ inputs }) => inputs)]);
  return last.results.find((result) => used.has(result)) ?? last.results[0];
}

/** Whether a set lacks a value; adds it. */
const isNew = <T>(set: Set<T>, value: T): boolean => !set.has(value) && set.add(value).size > 0;
