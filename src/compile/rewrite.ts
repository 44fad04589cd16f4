import { order } from "../graph/print.ts";
import { applyAll, type Node, type Tensor } from "../graph/tensor.ts";
import { inLayer } from "../layer.ts";

/**
 * Rebuilds a graph bottom-up. `replace` sees each node with its inputs already replaced and returns its new results, or
 * `undefined` to keep it as it is; what it makes belongs to the layer of the node. Nodes whose inputs did not change are kept, not copied.
 */
export function rewrite(
  roots: readonly Tensor[],
  replace: (node: Node, inputs: readonly Tensor[]) => readonly Tensor[] | undefined,
): Tensor[] {
  const done = new Map<Tensor, Tensor>();
  const now = (tensor: Tensor): Tensor => done.get(tensor) ?? tensor;
  for (const node of order(roots)) {
    const inputs = node.inputs.map(now);
    const results = inLayer(node.layer, () => replace(node, inputs) ?? withInputs(node, inputs));
    node.results.forEach((result, i) => {
      if (results[i] !== result) done.set(result, results[i]!);
    });
  }
  return roots.map(now);
}

/** The same node over other inputs. */
export function withInputs(node: Node, inputs: readonly Tensor[]): readonly Tensor[] {
  if (inputs.every((input, i) => input === node.inputs[i])) return node.results;
  return applyAll(node.op, inputs, node.attrs, node.effects, node.fusion);
}
