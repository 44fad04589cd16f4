import { alongX, workgroupSize } from "../../shaders/lib/grid.wgsl.ts";
import { sumOf } from "../../shaders/lib/half.wgsl.ts";
import type { Kernel } from "../../shaders/lib/kernel.ts";
import { serial, tree } from "../../shaders/lib/lines.ts";
import type { End } from "../../shaders/lib/results.ts";
import { coalesce } from "../../shaders/lib/view.wgsl.ts";
import {
  areInFours,
  type Folded,
  type ReduceKind,
  type Reduction,
  reduceColumns,
  reduceLines,
  reduceNaive,
} from "../../shaders/reduce.wgsl.ts";
import { flopsOf, identity, nameOf } from "../graph/program.ts";
import { bytesPer, labelShape, sizeOf } from "../graph/shape.ts";
import { bound, type KernelCall, type View } from "./call.ts";
import { choose, family, named, needsWorkgroup, unless, type Variant } from "./choose.ts";
import type { Before, Kernels, Lowering, Work } from "./lowering.ts";
import { bodyOf } from "./render.ts";
import type { AdapterTraits } from "./traits.ts";
import { endOf, touched } from "./work.ts";

interface Problem {
  readonly kind: ReduceKind;
  readonly outputs: number;
  readonly length: number;
  /** What lies side by side in memory: what four neighbouring results fold, what one result folds, or neither. */
  readonly layout: "columns" | "rows" | "strided";
}

interface ReduceVariant extends Variant<Problem> {
  readonly write: (reduction: Reduction) => Kernel;
  /** Elements that one invocation (or workgroup, of a tree) folds before the work is split into a second kernel. */
  readonly chunk: (traits: AdapterTraits) => number;
  /** Whether partial results lie chunk by chunk, rather than those of one result side by side. */
  readonly byChunk?: boolean;
  /** Invocations that so many results take, partial ones counted. */
  readonly invocations: (results: number) => number;
}

/**
 * Scores for CPU adapters were measured on SwiftShader and hold on lavapipe. There, 1024 × 1024 by columns takes 0.6 ms in `columns`, 0.9 in
 * `serial`, 4.4 in `tree`; 256 × 1024 by rows takes 0.18 ms in `serial`, 0.59 in `tree`. Scores for GPUs are reasoned, not measured.
 */
export const reduceFamily = /* @__PURE__ */ family<ReduceVariant>("reduce", "reduce", [
  {
    name: "naive",
    score: () => -1,
    write: reduceNaive,
    chunk: () => Number.POSITIVE_INFINITY,
    invocations: (results) => results,
  },
  {
    name: "serial",
    // Of rows, neighbours among a GPU's invocations read far from each other: caches have to hold them.
    score: ({ outputs, length, layout }, { cpu }) =>
      cpu || length <= 64 || (layout === "rows" ? outputs >= 16384 && length <= 256 : outputs >= 4096) ? 2 : 0,
    write: reduceLines(serial),
    chunk: () => 1024,
    invocations: (results) => results,
  },
  {
    name: "columns",
    needs: ({ layout }) => unless(layout === "columns", "results that lie in fours beside each other in memory"),
    score: ({ outputs, length }, { cpu }) => (cpu || outputs * length >= 2 ** 18 ? 3 : 0),
    write: reduceColumns,
    chunk: ({ cpu }) => (cpu ? 1024 : 128),
    byChunk: true,
    invocations: (results) => results / 4,
  },
  {
    name: "tree",
    needs: (_, traits) => needsWorkgroup(traits, workgroupSize),
    score: () => 1,
    write: reduceLines(tree),
    chunk: () => 2048,
    invocations: (results) => results * workgroupSize,
  },
]);

/** A view as two: the axes that stay, and those that are folded. An element of both together is the sum of their positions. */
export function parted(view: View, axes: readonly number[]): Folded & { readonly folded: View } {
  const only = (keep: (axis: number) => boolean): View => ({
    ...view,
    shape: view.shape.filter((_, axis) => keep(axis)),
    strides: view.strides.filter((_, axis) => keep(axis)),
  });
  return { kept: only((axis) => !axes.includes(axis)), folded: { ...only((axis) => axes.includes(axis)), offset: 0 } };
}

/** How a reduction runs: folds `attrs.axes` away. */
export const reduceKernels = (kind: ReduceKind): Kernels => ({
  // Sums and products leave the range of f16 soon, the largest and smallest of f16 numbers never do.
  ...(kind === "sum" || kind === "prod" ? { widens: true } : { precision: "operands" }),
  after: true,
  before: () => true,
  lower(work, to) {
    const { node, before, inputs } = work;
    const { axes } = node.attrs;
    const views = (before?.inputs ?? inputs).map((tensor) => to.view(tensor));
    const { end, label, flops } = endOf(work, to, resultType(work));
    const shape = labelShape(views[0]!.shape);
    return foldCalls(
      {
        kind,
        label: `${before ? `${nameOf(before.program)}+` : ""}${kind}${shape}[${axes.join(",")}]${label}`,
        operands: views.map((view) => parted(view, axes)),
        before,
        end,
        flops,
      },
      to,
    );
  },
});

/** Dtype of the op's own result: `attrs.to`, or that of what is folded. */
const resultType = ({ node, before, inputs }: Work) => node.attrs["to"] ?? before?.dtype ?? inputs[0]!.dtype;

/** What is folded, and what becomes of the results. */
interface Fold {
  readonly kind: ReduceKind;
  readonly label: string;
  /** One tensor, or those that `before` makes each element of. */
  readonly operands: readonly (Folded & { readonly folded: View })[];
  readonly before?: Before | undefined;
  readonly end: End;
  /** Of the end, for one result. */
  readonly flops: number;
}

/** The end of a kernel that stores its results as they are. */
const plainEnd = (place: View): End => ({
  body: bodyOf(identity(place.dtype), place.dtype),
  added: [],
  places: [place],
});

/** The fold of a kernel's own partial results: their plain sum. */
export const sumCalls = (label: string, kept: View, folded: View, place: View, to: Lowering): readonly KernelCall[] =>
  foldCalls(
    { kind: "sum", label: `sum of ${label}`, operands: [{ kept, folded }], end: plainEnd(place), flops: 0 },
    to,
  );

/**
 * One call, or several where a result folds more than a chunk: partial results first, then their fold. A fixed tree, so the
 * result repeats to the bit, and long sums keep their accuracy.
 */
function foldCalls(fold: Fold, to: Lowering): readonly KernelCall[] {
  const { kind, label, operands, before } = fold;
  const { traits } = to;
  const [count, length] = [sizeOf(operands[0]!.kept.shape), sizeOf(operands[0]!.folded.shape)];
  const inRows = operands.some(({ folded }) => coalesce(folded).strides.at(-1) === 1);
  const layout = areInFours(operands, "kept") ? "columns" : inRows ? "rows" : "strided";
  const problem: Problem = { kind, outputs: count, length, layout };
  const variant = choose<ReduceVariant, Problem>(reduceFamily, problem, traits);
  const most = variant.chunk(traits);
  const chunks = length < 2 * most ? 1 : Math.ceil(length / most);
  const results = count * chunks;
  const type = before?.dtype ?? operands[0]!.kept.dtype;
  const { end, flops } =
    chunks === 1
      ? fold
      : { end: plainEnd(to.scratch(`partial results of ${label}`, [results], sumOf(type))), flops: 0 };
  const invocations = variant.invocations(results);
  const call: KernelCall = {
    label: chunks === 1 ? label : `${label}/partial`,
    ...named(reduceFamily, variant),
    ...bound(
      variant.write({
        kind,
        inputs: operands,
        before: before && bodyOf(before.program, type),
        type,
        count,
        length,
        chunk: chunks === 1 ? length : most,
        end,
      }),
    ),
    workgroups: alongX(invocations),
    invocations,
    flops: count * (length * (1 + (before ? flopsOf(before.program) : 0)) + flops),
    bytes:
      operands.reduce((sum, { kept, folded }) => sum + (touched(kept) * touched(folded)) / bytesPer(kept.dtype), 0) +
      end.added.reduce((sum, view) => sum + touched(view), 0) +
      end.places.reduce((sum, { dtype }) => sum + results * bytesPer(dtype), 0),
  };
  if (chunks === 1) return [call];
  const [each, next] = variant.byChunk ? [1, count] : [chunks, 1];
  const [place] = end.places as [View];
  const kept = { ...place, shape: [count], strides: [each] };
  const folded = { ...place, shape: [chunks], strides: [next] };
  return [call, ...foldCalls({ ...fold, operands: [{ kept, folded }], before: undefined }, to)];
}
