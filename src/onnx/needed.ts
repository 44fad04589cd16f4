import type { Graph, NodeProto } from "./model.ts";

/** Names that a node reads, also in the graphs that it holds. */
export function readBy({ inputs, attributes }: NodeProto): string[] {
  const names = [...inputs];
  for (const { graph } of attributes.values()) {
    if (graph) names.push(...graph.outputs.map(({ name }) => name), ...graph.nodes.flatMap(readBy));
  }
  return names;
}

/** The nodes that the wanted values need. Nodes are in order, so one walk from the end finds them. */
export function neededNodes(graph: Graph, wanted: readonly string[]): ReadonlySet<NodeProto> {
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
