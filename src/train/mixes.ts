import { reachable } from "../graph/print.ts";
import type { Node, Tensor } from "../graph/tensor.ts";

/** A graph of n samples: what it reads, and what it gives for each of them. */
export interface Sampled {
  readonly n: number;
  readonly inputs: readonly Tensor[];
  readonly results: readonly Tensor[];
}

/**
 * Whether samples of a batch influence each other's results, as in batch normalisation: then a batch cannot be padded.
 * Asks no op for a rule. It compares two graphs of one model: what is computed sample by sample grows in proportion to
 * their number, while a sum over the batch does not grow, and a product of samples grows with its square. May
 * find a mixture where there is none, which costs a program for the size of the partial batch.
 */
export function mixes(a: Sampled, b: Sampled): boolean {
  const [nodes, others] = [dependents(a), dependents(b)];
  if (nodes.length !== others.length) return true;
  return nodes.some((node, i) => {
    const other = others[i]!;
    return (
      node.op.name !== other.op.name ||
      node.results.some((result, k) => result.size * b.n !== other.results[k]!.size * a.n) ||
      worksAlong(node, other) ||
      isOpaque(node)
    );
  });
}

/** The nodes between inputs and results, in order of creation. */
function dependents({ inputs, results }: Sampled): Node[] {
  const reached = new Set<Node>(inputs.map(({ node }) => node));
  for (const node of reachable(results)) if (node.inputs.some((x) => reached.has(x.node))) reached.add(node);
  return [...reached].sort((a, b) => a.id - b.id);
}

/** Whether nothing is known of what a kernel reads: a user's `customOp`. */
const isOpaque = ({ op }: Node): boolean => op.define !== undefined && !op.pointwise;

/** Whether a node works along the axis of the samples and keeps it: a softmax over them, a running sum, a reversal. */
function worksAlong(node: Node, other: Node): boolean {
  const [x] = node.inputs;
  const [y] = other.inputs;
  const grows = (axis: number) => x !== undefined && x.shape[axis] !== y!.shape[axis];
  const { axis, steps } = node.attrs as { axis?: unknown; steps?: unknown };
  return (
    (typeof axis === "number" && grows(axis)) ||
    (Array.isArray(steps) && steps.some((step, i) => step !== 1 && grows(i)))
  );
}
