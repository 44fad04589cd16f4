import { type ElementwiseOutput, elementwise } from "../../shaders/elementwise.wgsl.ts";
import { readOf } from "../../shaders/lib/array.ts";
import { alongX } from "../../shaders/lib/grid.wgsl.ts";
import { isRowMajor } from "../../shaders/lib/view.wgsl.ts";
import { flopsOf, identity, nameOf, programOf, show } from "../graph/program.ts";
import { bytesPer, labelShape, type Shape, sizeOf } from "../graph/shape.ts";
import { applyAll, dtypeOf, type Node, type Op, type PointwiseProgram, type Tensor } from "../graph/tensor.ts";
import { bound, type KernelCall, type View } from "./call.ts";
import { choose, family, named, type Variant } from "./choose.ts";
import type { Kernels, Lowering } from "./lowering.ts";
import { bodyOf } from "./render.ts";
import type { AdapterTraits } from "./traits.ts";
import { touched } from "./work.ts";

interface Problem {
  /** Elements of a result. */
  readonly count: number;
}

interface ElementwiseVariant extends Variant<Problem> {
  /** Elements per invocation. */
  readonly width: 1 | 4;
}

export const elementwiseFamily = /* @__PURE__ */ family<ElementwiseVariant>("elementwise", "elementwise", [
  { name: "naive", score: () => -1, width: 1 },
  { name: "vec4", score: () => 1, width: 4 },
]);

/** Several pointwise ops in one kernel; created only by the fuse pass. */
const fusedOp: Op = {
  name: "fused",
  infer: (_, { program, shape }) =>
    (program as PointwiseProgram).outputs.map((ref) => ({ shape, dtype: dtypeOf(ref, program) })),
  kernels: {
    lower: ({ node }, to) => [elementwiseCall(node.attrs["program"], node.inputs, node, to)],
  } satisfies Kernels,
  describe: ({ attrs: { program } }) => show(program),
};

/** A node that computes the outputs of a program, all of one shape. */
export const fuseNodes = (program: PointwiseProgram, inputs: readonly Tensor[], shape: Shape): readonly Tensor[] =>
  applyAll(fusedOp, inputs, { program, shape });

/** Runs a pointwise op on its own. */
export const pointwiseKernels: Kernels = {
  lower({ node }, to) {
    const { program, inputs } = programOf([node], [node.results[0]!]);
    return [elementwiseCall(program, inputs, node, to)];
  },
};

/** The call that computes a program over all elements of a node's results. */
function elementwiseCall(program: PointwiseProgram, inputs: readonly Tensor[], node: Node, to: Lowering): KernelCall {
  const { shape } = node.results[0]!;
  const views = inputs.map((tensor) => to.view(tensor));
  const taken = new Map<number, number>(); // result → input whose memory it reuses
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
  return elementwiseOver({ program, views, places, taken, shape, name: nameOf(program) }, to.traits);
}

/** Elementwise work on given views: inputs and outputs have one shape, and outputs are row-major without offset. */
interface Elementwise {
  readonly program: PointwiseProgram;
  readonly views: readonly View[];
  /** Where each output is stored, if it is read. */
  readonly places: readonly (View | undefined)[];
  /** For outputs that reuse an input's memory: its index. */
  readonly taken: ReadonlyMap<number, number>;
  readonly shape: Shape;
  readonly name: string;
}

/** The call that does this work. */
export function elementwiseOver(
  { program, views, places, taken, shape, name }: Elementwise,
  traits: AdapterTraits,
): KernelCall {
  const count = sizeOf(shape);
  const variant = choose<ElementwiseVariant, Problem>(elementwiseFamily, { count }, traits);
  const { width } = variant;
  const invocations = Math.ceil(count / width);
  const shared = new Set(taken.values());
  // Views of the same memory that are loaded alike share a binding.
  const alike = (a: View, b: View) =>
    a.buffer === b.buffer &&
    a.base === b.base &&
    a.span === b.span &&
    a.dtype === b.dtype &&
    readOf(a, width).vectors === readOf(b, width).vectors;
  const twins = views.map((view, i) =>
    shared.has(i) ? i : views.findIndex((other, k) => k === i || (!shared.has(k) && alike(other, view))),
  );
  const inputs = views.map((view, i) => ({ view, shared: shared.has(i), boundAs: twins[i]! }));
  const outputs = places.flatMap((view, value): ElementwiseOutput | [] =>
    view ? { view, value, over: taken.get(value) } : [],
  );
  const read = views.reduce((sum, view) => sum + touched(view), 0);
  const written = outputs.reduce((sum, { view }) => sum + count * bytesPer(view.dtype), 0);
  return {
    label: `${name}${labelShape(shape)}:${places.find((place) => place)?.dtype ?? "f32"}`,
    ...named(elementwiseFamily, variant),
    ...bound(elementwise(count, bodyOf(program, views[0]?.dtype ?? "f32"), inputs, outputs, width)),
    workgroups: alongX(invocations),
    invocations,
    flops: flopsOf(program) * count,
    bytes: read + written,
  };
}

/** Copies a tensor. */
export const copyCall = (from: View, to: View, traits: AdapterTraits): KernelCall =>
  elementwiseOver(
    { program: identity(from.dtype), views: [from], places: [to], taken: new Map(), shape: from.shape, name: "copy" },
    traits,
  );
