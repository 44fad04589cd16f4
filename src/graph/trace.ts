import type { Node, Tensor } from "./tensor.ts";

/** What a pass made of some nodes. */
export interface Became {
  readonly nodes: readonly Node[];
  /** Tensors of the graph before the pass, and for each the tensor with the same value after it. */
  readonly results: readonly Tensor[];
  readonly made: readonly Tensor[];
}

/** What one or several passes made, in order. Nodes that stayed as they were are left out. */
export type Trace = Became[];
