import { elementwise } from "../../shaders/elementwise.wgsl.ts";
import type { Place } from "../../shaders/lib/epilogue.wgsl.ts";
import { alongX } from "../../shaders/lib/grid.wgsl.ts";
import { vec4Load } from "../../shaders/lib/view.wgsl.ts";
import {
  type Binding,
  isRowMajor,
  type KernelCall,
  type Lowering,
  lengthOf,
  type Op,
  ownInputs,
  type View,
} from "../graph/op.ts";
import { bytesPer, type DType, labelShape, type Shape, sizeOf } from "../graph/shape.ts";
import { applyAll, type Node, type Tensor } from "../graph/tensor.ts";
import {
  bodyOf,
  dtypeOf,
  flopsOf,
  identity,
  nameOf,
  type PointwiseProgram,
  programOf,
  render,
  show,
} from "./program.ts";

/** Several pointwise ops in one kernel: made by the fuse pass alone. */
const fusedOp: Op = {
  name: "fused",
  infer: (_, { program, shape }) => outputSpecs(program, shape),
  lower: (node, to) => [elementwiseCall(node.attrs["program"], node.inputs, node, to)],
  describe: ({ attrs: { program } }) => show(program),
};

export function outputSpecs(program: PointwiseProgram, shape: Shape) {
  return program.outputs.map((ref) => ({ shape, dtype: dtypeOf(ref, program) }));
}

/** Replaces pointwise nodes by one that computes `outputs`, tensors of theirs of one shape. */
export const fuseNodes = (program: PointwiseProgram, inputs: readonly Tensor[], shape: Shape): readonly Tensor[] =>
  applyAll(fusedOp, inputs, { program, shape });

/** The program of a fused node, or of a pointwise node that stands alone. */
function programAt(node: Node): { program: PointwiseProgram; inputs: readonly Tensor[] } {
  if (node.op === fusedOp) return { program: node.attrs["program"], inputs: node.inputs };
  return programOf([node], [node.results[0]!]);
}

/** `lower` of every pointwise op. */
export function lowerPointwise(node: Node, to: Lowering): readonly KernelCall[] {
  const { program, inputs } = programAt(node);
  return [elementwiseCall(program, inputs, node, to)];
}

/** The call that computes a program over all elements of a node's results. */
function elementwiseCall(program: PointwiseProgram, inputs: readonly Tensor[], node: Node, to: Lowering): KernelCall {
  const { shape } = node.results[0]!;
  const views = inputs.map((tensor) => to.view(tensor));
  const taken = new Map<number, number>(); // result → input whose place it takes
  const places = node.results.map((result, r) => {
    const fits = (view: View, i: number) =>
      view.dtype === result.dtype &&
      view.offset === 0 &&
      isRowMajor(view) &&
      ![...taken.values()].includes(i) &&
      views.every((other, k) => k === i || other.buffer !== view.buffer);
    const dying = inputs.findIndex((tensor, i) => to.dies(tensor) && fits(views[i]!, i));
    const given = to.result(r, dying < 0 ? undefined : inputs[dying]);
    const same = views.findIndex(
      (view, i) => given && view.buffer === given.buffer && view.base === given.base && fits(view, i),
    );
    if (same >= 0) taken.set(r, same);
    return given;
  });
  return elementwiseOver(program, views, places, taken, shape, nameOf(program));
}

/** The call for given places: inputs and outputs are views of the same shape, outputs row-major from their beginning. */
export function elementwiseOver(
  program: PointwiseProgram,
  views: readonly View[],
  places: readonly (View | undefined)[],
  taken: ReadonlyMap<number, number>,
  shape: Shape,
  name: string,
): KernelCall {
  const count = sizeOf(shape);
  const shared = new Set(taken.values());
  // Views of one memory that are read in one way need one binding.
  const alike = (a: View, b: View) =>
    a.buffer === b.buffer &&
    a.base === b.base &&
    a.span === b.span &&
    a.dtype === b.dtype &&
    vec4Load(a, a.dtype).vectors === vec4Load(b, b.dtype).vectors;
  const twins = views.map((view, i) =>
    shared.has(i) ? i : views.findIndex((other, k) => k === i || (!shared.has(k) && alike(other, view))),
  );
  const inputs = views.map((view, i) => ({
    name: `x${i}`,
    ...buffer(view),
    shared: shared.has(i),
    boundAs: twins[i] === i ? undefined : `x${twins[i]}`,
  }));
  const { body, values, lib, usesIndex, half } = render(
    program,
    inputs.map((input) => `${input.name}_`),
  );
  const outputs = places.flatMap((place, r) => {
    if (!place) return [];
    const source = taken.get(r);
    return {
      name: source === undefined ? `y${r}` : `x${source}`,
      type: place.dtype,
      value: values[r]!,
      length: lengthOf(place),
      shared: source !== undefined,
      place,
    };
  });
  const bindings: Binding[] = [
    ...views.flatMap((view, i) => (twins[i] === i ? [bind(view, shared.has(i) ? "read_write" : "read")] : [])),
    ...outputs.filter((output) => !output.shared).map(({ place }) => bind(place, "read_write")),
  ];
  const read = views.reduce((sum, view) => sum + touched(view), 0);
  const written = outputs.reduce((sum, { place }) => sum + count * bytesPer(place.dtype), 0);
  return {
    label: `${name}${labelShape(shape)}:${places.find((place) => place)?.dtype ?? "f32"}`,
    family: "elementwise",
    variant: "vec4",
    wgsl: elementwise({ count, inputs, outputs, body, lib, usesIndex, half }),
    bindings,
    workgroups: alongX(Math.ceil(count / 4)),
    invocations: Math.ceil(count / 4),
    flops: flopsOf(program) * count,
    bytes: read + written,
  };
}

/** What kernels that put elements elsewhere are told of a view. */
export const buffer = (view: View) => ({ type: view.dtype, view, length: lengthOf(view) });

/** Binds the home of a view. */
export const bind = (view: View, access: Binding["access"]): Binding => ({
  buffer: view.buffer,
  offset: view.base,
  size: view.span,
  access,
});

/**
 * Places of the results of a kernel that ends in an epilogue, and the bindings of this end: where a result takes the place of an
 * input, element by element, both are one.
 * @param added views of the epilogue's inputs.
 */
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

/**
 * What the kernel of a node whose results have one axis is told of their end, with its bindings behind those of the op's own inputs.
 * @param type of the result before the epilogue.
 */
export function endOf(node: Node, to: Lowering, type: DType) {
  const added = node.inputs.slice(ownInputs(node)).map((tensor) => to.view(tensor));
  const places = node.results.map((_, i) => to.result(i)!);
  const program: PointwiseProgram = node.attrs["epilogue"] ?? identity(type);
  const { outputs, bindings } = ends(added, places);
  const chain = nameOf(program);
  return {
    results: { epilogue: { ...bodyOf(program, type), inputs: added.map(buffer) }, outputs },
    bindings,
    /** What comes behind the op's own part of a label. */
    label: `${chain && `+${chain}`}:${places[0]!.dtype}`,
    /** Of one element. */
    flops: flopsOf(program),
    bytes: [...added, ...places].reduce((total, view) => total + touched(view), 0),
  };
}

/** Bytes of the distinct elements that a view shows. */
export const touched = (view: View): number =>
  view.shape.reduce((count, n, axis) => (view.strides[axis] === 0 ? count : count * n), 1) * bytesPer(view.dtype);
