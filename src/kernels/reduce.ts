import { alongX, workgroupSize } from "../../shaders/lib/grid.wgsl.ts";
import { sumOf } from "../../shaders/lib/half.wgsl.ts";
import type { Kernel } from "../../shaders/lib/kernel.ts";
import { serial, tree } from "../../shaders/lib/lines.ts";
import type { End } from "../../shaders/lib/results.ts";
import { coalesce } from "../../shaders/lib/view.wgsl.ts";
import {
  areInFours,
  type Folded,
  type ReduceRule,
  type Reduction,
  reduceColumns,
  reduceLines,
  reduceNaive,
  reduceTile,
  sumRule,
  tileSides,
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
  readonly kind: ReduceRule["name"];
  readonly outputs: number;
  readonly length: number;
  /** What is contiguous in memory: the elements of four neighbouring results, those of one result, or neither. */
  readonly layout: "columns" | "rows" | "strided";
}

interface ReduceVariant extends Variant<Problem> {
  readonly write: (reduction: Reduction) => Kernel;
  /** Elements per invocation (or workgroup, for a tree or a tile) beyond which a second kernel combines partial results. */
  readonly chunk: (traits: AdapterTraits, problem: Problem) => number;
  /** Whether partial results are grouped by chunk rather than by result. */
  readonly byChunk?: boolean;
  /** Workgroups of other sizes than usual. */
  readonly size?: number;
  /** Invocations for all results in so many chunks. */
  readonly invocations: (problem: Problem, chunks: number) => number;
}

/** So many invocations for each result and chunk. */
const each =
  (invocations: number) =>
  ({ outputs }: Problem, chunks: number): number =>
    outputs * chunks * invocations;

const tileSize = tileSides[0] * tileSides[1];
const tilesOf = ({ outputs, layout }: Problem): number =>
  Math.ceil(outputs / (layout === "columns" ? 4 : 1) / tileSides[0]);

/** Workgroups of a tile that fill a large GPU. */
const busyWorkgroups = 320;

/** Results of up to so many elements take one kernel, although a large GPU has room for more workgroups. */
const leastSplit = 512;

/**
 * Scores for CPU adapters were measured on SwiftShader and hold on lavapipe. There, reducing the columns of 1024 × 1024
 * takes 0.6 ms in `columns`, 0.9 in `serial`, 4.4 in `tree`; the rows of 256 × 1024 take 0.18 ms in `serial`, 0.59 in
 * `tree`. Scores for GPUs are estimates.
 */
export const reduceFamily = /* @__PURE__ */ family<ReduceVariant>("reduce", "reduce", [
  {
    name: "naive",
    score: () => -1,
    write: reduceNaive,
    chunk: () => Number.POSITIVE_INFINITY,
    invocations: each(1),
  },
  {
    name: "serial",
    // On rows, neighbouring invocations read distant addresses, so the rows must fit the caches of a GPU.
    score: ({ outputs, length, layout }, { cpu }) =>
      cpu ||
      length <= 8 ||
      (length <= 64 && outputs >= 1024) ||
      (layout === "rows" ? outputs >= 16384 && length <= 256 : outputs >= 4096)
        ? 2
        : 0,
    write: reduceLines(serial),
    chunk: () => 1024,
    invocations: each(1),
  },
  {
    name: "columns",
    needs: ({ layout }) => unless(layout === "columns", "results in contiguous groups of 4"),
    score: ({ outputs, length }, { cpu }) => (cpu || outputs * length >= 2 ** 18 ? 3 : 0),
    write: reduceColumns,
    chunk: ({ cpu }) => (cpu ? 1024 : 128),
    byChunk: true,
    invocations: each(1 / 4),
  },
  {
    name: "tree",
    needs: (_, traits) => needsWorkgroup(traits, workgroupSize, 4 * workgroupSize),
    score: () => 1,
    write: reduceLines(tree),
    chunk: () => 2048,
    invocations: each(workgroupSize),
  },
  {
    name: "tile",
    needs: (_, traits) => needsWorkgroup(traits, tileSize, 16 * tileSize),
    score(problem, { cpu }) {
      const { outputs, length, layout } = problem;
      // On rows, neighbouring invocations read distant addresses.
      if (layout === "rows") return -1;
      // A few results of few elements leave most of a GPU idle in tiles, less so in trees.
      const isLarge =
        layout === "columns"
          ? length > leastSplit || (length >= 32 && tilesOf(problem) >= 8)
          : length > leastSplit && outputs < 4096;
      return isLarge && !cpu ? 4 : 0;
    },
    write: reduceTile,
    chunk(_, problem) {
      if (problem.length <= leastSplit) return problem.length;
      const share = (problem.length * tilesOf(problem)) / busyWorkgroups;
      return Math.max(4 * tileSides[1], tileSides[1] * Math.ceil(share / tileSides[1]));
    },
    byChunk: true,
    size: tileSize,
    invocations: (problem, chunks) => tilesOf(problem) * chunks * tileSize,
  },
]);

/** Splits a view by axes: those kept, and those reduced. An element's position is the sum of its positions in both. */
export function parted(view: View, axes: readonly number[]): Folded & { readonly folded: View } {
  const only = (keep: (axis: number) => boolean): View => ({
    ...view,
    shape: view.shape.filter((_, axis) => keep(axis)),
    strides: view.strides.filter((_, axis) => keep(axis)),
  });
  return { kept: only((axis) => !axes.includes(axis)), folded: { ...only((axis) => axes.includes(axis)), offset: 0 } };
}

/** Runs a reduction over `attrs.axes`. */
export const reduceKernels = (rule: ReduceRule): Kernels => ({
  ...(rule.grows ? { widens: true } : { precision: "operands" }),
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
        rule,
        label: `${before ? `${nameOf(before.program)}+` : ""}${rule.name}${shape}[${axes.join(",")}]${label}`,
        operands: views.map((view) => parted(view, axes)),
        before,
        end,
        flops,
      },
      to,
    );
  },
});

/** Dtype of the op's own result: `attrs.to`, or that of its operand. */
const resultType = ({ node, before, inputs }: Work) => node.attrs["to"] ?? before?.dtype ?? inputs[0]!.dtype;

/** A reduction's operands, and what to do with its results. */
interface Fold {
  readonly rule: ReduceRule;
  readonly label: string;
  /** One tensor, or the inputs of `before`. */
  readonly operands: readonly (Folded & { readonly folded: View })[];
  readonly before?: Before | undefined;
  readonly end: End;
  /** Operations of the epilogue per result. */
  readonly flops: number;
}

/** An epilogue that stores the results unchanged. */
const plainEnd = (place: View): End => ({
  body: bodyOf(identity(place.dtype), place.dtype),
  added: [],
  places: [place],
});

/** Sums the partial results of another kernel. */
export const sumCalls = (label: string, kept: View, folded: View, place: View, to: Lowering): readonly KernelCall[] =>
  foldCalls(
    { rule: sumRule, label: `sum of ${label}`, operands: [{ kept, folded }], end: plainEnd(place), flops: 0 },
    to,
  );

/**
 * One call, or several if a result has more elements than a chunk: first partial results, then their reduction. The
 * order is a fixed tree, so results are bitwise reproducible, and long sums stay accurate.
 */
function foldCalls(fold: Fold, to: Lowering): readonly KernelCall[] {
  const { rule, label, operands, before } = fold;
  const { traits } = to;
  const [count, length] = [sizeOf(operands[0]!.kept.shape), sizeOf(operands[0]!.folded.shape)];
  const inRows = operands.some(({ folded }) => coalesce(folded).strides.at(-1) === 1);
  const layout = areInFours(operands, "kept") ? "columns" : inRows ? "rows" : "strided";
  const problem: Problem = { kind: rule.name, outputs: count, length, layout };
  const variant = choose<ReduceVariant, Problem>(reduceFamily, problem, traits);
  const most = variant.chunk(traits, problem);
  const chunks = length < 2 * most ? 1 : Math.ceil(length / most);
  const results = count * chunks;
  const type = before?.dtype ?? operands[0]!.kept.dtype;
  const { end, flops } =
    chunks === 1
      ? fold
      : { end: plainEnd(to.scratch(`partial results of ${label}`, [results], sumOf(type))), flops: 0 };
  const invocations = variant.invocations(problem, chunks);
  const call: KernelCall = {
    label: chunks === 1 ? label : `${label}/partial`,
    ...named(reduceFamily, variant),
    ...bound(
      variant.write({
        rule,
        inputs: operands,
        before: before && bodyOf(before.program, type),
        type,
        count,
        length,
        chunk: chunks === 1 ? length : most,
        end,
      }),
    ),
    workgroups: alongX(invocations, variant.size),
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
