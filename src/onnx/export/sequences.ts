import type { Node } from "../../graph/tensor.ts";

export type Kind = "LSTM" | "GRU" | "RNN";

/** The ops of tilegrad, and ONNX's names. */
export const kinds: Readonly<Record<string, Kind>> = { lstmSequence: "LSTM", gruSequence: "GRU", rnnSequence: "RNN" };

/** Results of a node of ONNX that serve the tensors of one or two of tilegrad. */
export interface Sequence {
  readonly kind: Kind;
  readonly isBatchFirst: boolean;
  /** Forward, backward, or both in this order. */
  readonly nodes: readonly Node[];
}

/** The node of ONNX for each of tilegrad's, for both directions where `outputs` joins them. */
export const sequenceOf = (node: Node): Sequence => ({
  kind: kinds[node.op.name]!,
  isBatchFirst: node.attrs["batchFirst"],
  nodes: [node],
});

/** What was written of a sequence: Y `[T, D, N, H]`, Y_h and Y_c `[D, N, H]`. */
export interface Written {
  readonly sequence: Sequence;
  readonly outputs: readonly string[];
}

/** The recurrences of a graph: which nodes are one, and what was written. */
export class Sequences {
  readonly pairs = new Map<Node, Sequence>();
  readonly written = new Map<Node, Written>();

  /** The ONNX node for a node of the graph. Both directions of a layer share one. */
  of(node: Node): Sequence {
    return this.pairs.get(node) ?? sequenceOf(node);
  }
}
