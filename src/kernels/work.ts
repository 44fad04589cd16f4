import type { End } from "../../shaders/lib/results.ts";
import { flopsOf, identity, nameOf } from "../graph/program.ts";
import { bytesPer, type DType } from "../graph/shape.ts";
import { dtypeOf, type Node, ownInputs } from "../graph/tensor.ts";
import type { View } from "./call.ts";
import type { Lowering, Work } from "./lowering.ts";
import { bodyOf } from "./render.ts";

/** Splits the inputs and results of a fused node by their roles. */
export function workOf(node: Node): Work {
  const { fusion: { before, keeps, after } = {} } = node;
  const own = ownInputs(node);
  const made = before?.inputs.length ?? 0;
  return {
    node,
    inputs: node.inputs.slice(made, own),
    before: before && {
      program: before,
      inputs: node.inputs.slice(0, made),
      dtype: dtypeOf(before.outputs[0]!, before),
    },
    after,
    added: node.inputs.slice(own),
    results: keeps ? node.results.slice(0, -1) : node.results,
    kept: keeps ? node.results.at(-1) : undefined,
  };
}

/**
 * The epilogue of a node's kernel.
 * @param type dtype of the op's own result.
 * @param views views of the further inputs, if the kernel needs other than their own.
 */
export function endOf({ after, added, node, results }: Work, to: Lowering, type: DType, views?: readonly View[]) {
  const program = after ?? identity(type);
  const end: End = {
    body: bodyOf(program, type),
    added: views ?? added.map((tensor) => to.view(tensor)),
    places: results.map((result) => to.result(node.results.indexOf(result))!),
  };
  const chain = nameOf(program);
  return {
    end,
    /** Names of the epilogue's ops in a label. */
    chain: chain && `+${chain}`,
    /** The part of a label after the op's own. */
    label: `${chain && `+${chain}`}:${end.places[0]!.dtype}`,
    /** Operations per element. */
    flops: flopsOf(program),
    bytes: [...end.added, ...end.places].reduce((total, view) => total + touched(view), 0),
  };
}

/** Bytes of the distinct elements of a view. */
export const touched = (view: View): number =>
  view.shape.reduce((count, n, axis) => (view.strides[axis] === 0 ? count : count * n), 1) * bytesPer(view.dtype);

/** The range of memory that covers some views. */
export function around(views: readonly View[]): View {
  const low = Math.min(...views.map(({ base }) => base));
  return { ...views[0]!, base: low, span: Math.max(...views.map(({ base, span }) => base + span)) - low };
}
