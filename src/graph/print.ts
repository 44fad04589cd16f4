import { checkObject } from "../errors.ts";
import { show } from "./program.ts";
import { showShape } from "./shape.ts";
import { type Attrs, checkTensor, type Node, type Tensor } from "./tensor.ts";

/** All nodes that the given tensors depend on, inputs before users, in order of creation. */
export function reachable(roots: Iterable<Tensor>): Node[] {
  const seen = new Set<Node>();
  const stack = [...roots].map((tensor) => tensor.node);
  while (stack.length > 0) {
    const node = stack.pop()!;
    if (seen.has(node)) continue;
    seen.add(node);
    for (const input of node.inputs) stack.push(input.node);
  }
  return [...seen].sort((a, b) => a.id - b.id);
}

/**
 * The graph as text, one line per node, numbered from %0 in topological order:
 * `%3 = matmul(%0, %2) : f32[64, 10]`. The tests' goldens and `inspect()` use this form.
 */
export function print(outputs: Readonly<Record<string, Tensor>>): string {
  checkObject("print", "the argument", outputs, "{ name: tensor, … }");
  for (const [name, output] of Object.entries(outputs)) checkTensor("print", `output "${name}"`, output);
  const numbers = new Map<Node, number>();
  const name = (tensor: Tensor): string => {
    const suffix = tensor.node.results.length > 1 ? `.${tensor.index}` : "";
    return `%${numbers.get(tensor.node)}${suffix}`;
  };
  const lines = order(Object.values(outputs)).map((node, i) => {
    numbers.set(node, i);
    const specs = node.results.map((result) => `${result.dtype}${showShape(result.shape)}`).join(", ");
    const { before, after } = node.fusion ?? {};
    const detail = [
      ...(before ? [`of ${show(before)}`] : []),
      node.op.describe?.(node) ?? showAttrs(node.attrs),
      ...(after ? [show(after)] : []),
    ]
      .filter((text) => text !== "")
      .join(" ");
    return `%${i} = ${node.op.name}(${node.inputs.map(name).join(", ")})${detail && ` ${detail}`} : ${specs}`;
  });
  for (const [key, tensor] of Object.entries(outputs)) lines.push(`${key} -> ${name(tensor)}`);
  return `${lines.join("\n")}\n`;
}

/** Depth-first order, so that the text depends on the graph alone and not on when its nodes were created. */
export function order(roots: readonly Tensor[]): Node[] {
  const done = new Set<Node>();
  const sorted: Node[] = [];
  const stack: [node: Node, next: number][] = [];
  for (const root of roots) {
    if (!done.has(root.node)) stack.push([root.node, 0]);
    done.add(root.node);
    while (stack.length > 0) {
      const top = stack[stack.length - 1]!;
      const input = top[0].inputs[top[1]++];
      if (input === undefined) {
        sorted.push(top[0]);
        stack.pop();
      } else if (!done.has(input.node)) {
        done.add(input.node);
        stack.push([input.node, 0]);
      }
    }
  }
  return sorted;
}

function showAttrs(attrs: Attrs): string {
  const entries = Object.entries(attrs).filter(([key, value]) => key !== "spec" && value !== undefined);
  return entries.length === 0
    ? ""
    : `{${entries.map(([key, value]) => `${key}: ${JSON.stringify(value)}`).join(", ")}}`;
}
