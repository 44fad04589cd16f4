import { Graph, layout } from "@dagrejs/dagre";
import type { RecordedNode } from "../../src/recording/index.ts";

export interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

export interface Drawing {
  readonly width: number;
  readonly height: number;
  /** By node; the middle of each. */
  readonly boxes: readonly Box[];
  readonly edges: readonly { readonly from: number; readonly to: number; readonly path: string }[];
}

/** Where the nodes of a stage and their edges go. @param widthOf the width that a node's text needs. */
export function draw(nodes: readonly RecordedNode[], widthOf: (node: RecordedNode) => number, height: number): Drawing {
  const graph = new Graph({ multigraph: false });
  graph.setGraph({ rankdir: "TB", nodesep: 14, ranksep: 26, edgesep: 6, marginx: 12, marginy: 12 });
  graph.setDefaultEdgeLabel(() => ({}));
  nodes.forEach((node, i) => graph.setNode(String(i), { width: widthOf(node), height }));
  nodes.forEach(({ inputs }, i) => {
    for (const { node } of inputs) graph.setEdge(String(node), String(i));
  });
  layout(graph);
  const size = graph.graph() as { width?: number; height?: number };
  return {
    // Of a graph without nodes, they are below 0.
    width: Math.max(0, size.width ?? 0),
    height: Math.max(0, size.height ?? 0),
    boxes: nodes.map((_, i) => {
      const { x, y, width, height } = graph.node(String(i)) as Box;
      return { x, y, width, height };
    }),
    edges: graph.edges().map(({ v, w }: { readonly v: string; readonly w: string }) => {
      const { points } = graph.edge(v, w) as { points: readonly { x: number; y: number }[] };
      return { from: Number(v), to: Number(w), path: curve(points) };
    }),
  };
}

/** A smooth line through points. */
function curve([first, ...rest]: readonly { readonly x: number; readonly y: number }[]): string {
  const at = ({ x, y }: { readonly x: number; readonly y: number }) => `${x.toFixed(1)} ${y.toFixed(1)}`;
  const middle = rest.slice(0, -1).map((point, i) => {
    const next = rest[i + 1]!;
    return `Q${at(point)} ${at({ x: (point.x + next.x) / 2, y: (point.y + next.y) / 2 })}`;
  });
  return `M${at(first!)}${middle.join("")}L${at(rest.at(-1)!)}`;
}
