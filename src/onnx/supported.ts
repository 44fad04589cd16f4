import { counted, FormatError, listed } from "../errors.ts";
import type { Graph, NodeProto } from "./model.ts";
import type { OpRow } from "./node.ts";
import { registry } from "./registry.ts";

const rows: ReadonlyMap<string, OpRow> = new Map(registry.map((row) => [row.op, row]));

/** The op of a node as messages name it. */
export const opName = ({ op, domain }: NodeProto): string => (domain === "" ? op : `${domain}.${op}`);

/** Whether an op of this version can be imported. */
export function rowOf(node: NodeProto, opset: number): OpRow | undefined {
  const row = node.domain === "" ? rows.get(node.op) : undefined;
  return row && row.since[0]! <= opset ? row : undefined;
}

/** Names all unsupported ops at once. */
export function checkSupported(graph: Graph, opset: number): void {
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
