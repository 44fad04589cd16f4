import type { Place } from "../../shaders/lib/epilogue.wgsl.ts";
import { stackOf } from "../../shaders/lib/stack.ts";
import { isRowMajor, type ViewParams } from "../../shaders/lib/view.wgsl.ts";
import { flopsOf, identity, nameOf } from "../graph/program.ts";
import type { DType } from "../graph/shape.ts";
import { type Node, ownInputs, type PointwiseProgram } from "../graph/tensor.ts";
import { bind, lengthOf, type View } from "./call.ts";
import type { Lowering } from "./lowering.ts";
import { bodyOf } from "./render.ts";
import { touched } from "./work.ts";

/* TEMPORARY: for families whose kernels are still texts. */

export const buffer = (view: View) => ({ type: view.dtype, view, length: lengthOf(view) });

export function ends(added: readonly View[], places: readonly View[]) {
  const outputs = places.map((place): Place => {
    const over = added.findIndex(
      (view) => view.buffer === place.buffer && view.base === place.base && view.offset === 0 && isRowMajor(view),
    );
    return { type: place.dtype, length: lengthOf(place), over: over < 0 ? undefined : over };
  });
  const taken = new Set(outputs.map(({ over }) => over));
  const fresh = places.filter((_, i) => outputs[i]!.over === undefined);
  const bindings = [
    ...added.map((view, i) => bind(view, taken.has(i) ? "read_write" : "read")),
    ...fresh.map((place) => bind(place, "read_write")),
  ];
  return { outputs, bindings };
}

export function legacyEndOf(node: Node, to: Lowering, type: DType) {
  const added = node.inputs.slice(ownInputs(node)).map((tensor) => to.view(tensor));
  const places = node.results.map((_, i) => to.result(i)!);
  const program: PointwiseProgram = node.fusion?.after ?? identity(type);
  const { outputs, bindings } = ends(added, places);
  const chain = nameOf(program);
  return {
    results: { epilogue: { ...bodyOf(program, type), inputs: added.map(buffer) }, outputs },
    bindings,
    label: `${chain && `+${chain}`}:${places[0]!.dtype}`,
    flops: flopsOf(program),
    bytes: [...added, ...places].reduce((total, view) => total + touched(view), 0),
  };
}

const typed = (view: View): { type: DType; batch: ViewParams; strides: readonly [number, number]; length: number } => {
  const { batch, strides } = stackOf(view);
  return { batch, strides, length: lengthOf(view), type: view.dtype };
};

export function ending(program: PointwiseProgram, added: readonly View[]) {
  return { ...bodyOf(program, program.inputs[0]!), inputs: added.map(typed) };
}
