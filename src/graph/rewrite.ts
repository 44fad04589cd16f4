import { inLayer } from "../layer.ts";
import { order } from "./print.ts";
import { applyAll, type Node, type Tensor } from "./tensor.ts";
import type { Trace } from "./trace.ts";

/**
 * Rebuilds a graph from inputs to roots. `replace` gets each node with its new inputs and returns new results, or
 * `undefined` to keep the node. New nodes belong to the layer of the old one. Nodes with unchanged inputs are kept, not
 * copied.
 * @param trace takes what became of the others.
 */
export function rewrite(
  roots: readonly Tensor[],
  replace: (node: Node, inputs: readonly Tensor[]) => readonly Tensor[] | undefined,
  trace?: Trace,
): Tensor[] {
  const done = new Map<Tensor, Tensor>();
  const now = (tensor: Tensor): Tensor => done.get(tensor) ?? tensor;
  for (const node of order(roots)) {
    const inputs = node.inputs.map(now);
    const results = inLayer(node.layer, () => replace(node, inputs) ?? withInputs(node, inputs));
    if (results === node.results) continue;
    node.results.forEach((result, i) => {
      if (results[i] !== result) done.set(result, results[i]!);
    });
    trace?.push({ nodes: [node], results: node.results, made: results });
  }
  return roots.map(now);
}

/** The same op applied to other inputs. */
export function withInputs(node: Node, inputs: readonly Tensor[]): readonly Tensor[] {
  if (inputs.every((input, i) => input === node.inputs[i])) return node.results;
  return applyAll(node.op, inputs, node.attrs, node.effects, node.fusion);
}

/**
 * Replaces ops by the ops that they are composed of.
 * @param when whether a node is replaced; by default all are that can be.
 */
export const composed = (roots: readonly Tensor[], when = (_: Node): boolean => true, trace?: Trace): Tensor[] =>
  rewrite(roots, (node, inputs) => (when(node) ? node.op.compose?.(inputs, node.attrs) : undefined), trace);
