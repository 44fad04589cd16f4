import type { Tensor } from "../graph/tensor.ts";

/** The tensor that owns the memory of a view. */
export function baseOf(tensor: Tensor): Tensor {
  let base = tensor;
  while (base.node.op.view) base = base.node.inputs[0]!;
  return base;
}

/** Whether a tensor is computed and covers all of its memory in order. */
export function isOwn(tensor: Tensor): boolean {
  let at = tensor;
  while (at.node.op.view) {
    if (!["reshape", "detach", "evaluated"].includes(at.node.op.name)) return false;
    at = at.node.inputs[0]!;
  }
  return at.node.op.source === undefined;
}
