import { alongX, workgroupSize } from "../../shaders/lib/grid.wgsl.ts";
import { sumOf } from "../../shaders/lib/half.wgsl.ts";
import { serial, tree } from "../../shaders/lib/lines.wgsl.ts";
import { coalesce } from "../../shaders/lib/view.wgsl.ts";
import { areInFours, type ReduceKind, type ReduceParams, reduce } from "../../shaders/reduce.wgsl.ts";
import {
  type AdapterTraits,
  type KernelCall,
  type Lowering,
  lengthOf,
  type Op,
  ownInputs,
  type View,
} from "../graph/op.ts";
import { bytesPer, labelShape, sizeOf } from "../graph/shape.ts";
import type { Node, Tensor } from "../graph/tensor.ts";
import { bind, buffer, ends, outputSpecs, touched } from "./fused.ts";
import { bodyOf, dtypeOf, flopsOf, identity, nameOf, type PointwiseProgram, show } from "./program.ts";
import { choose, needsWorkgroup, unless, type Variant } from "./variants.ts";

/**
 * The op of a reduction: folds `attrs.axes` away. `attrs.to` is the dtype of the result where it is not that of the operand: f16 may
 * be summed to f32. Inside the kernel, a chain of pointwise ops may make what is folded, `attrs.prologue`, and another may follow,
 * `attrs.epilogue`.
 */
export function reduceOp(
  kind: ReduceKind,
  vjp?: (dy: Tensor, y: Tensor, x: Tensor, axes: readonly number[]) => Tensor,
): Op {
  return {
    name: kind,
    // Sums and products leave the range of f16 soon, the largest and smallest of f16 numbers never do.
    ...(kind === "sum" || kind === "prod" ? { widens: true } : { precision: "operands" as const }),
    epilogueAfter: 1,
    takesPrologue: () => true,
    infer([x], { axes, prologue, to = prologue ? dtypeOf(prologue.outputs[0], prologue) : x!.dtype, epilogue }) {
      const shape = x!.shape.filter((_, axis) => !axes.includes(axis));
      return epilogue ? outputSpecs(epilogue, shape) : [{ shape, dtype: to }];
    },
    ...(vjp && {
      vjp: ({ results: [y], inputs: [x], attrs: { axes } }: Node, [dy]: readonly (Tensor | undefined)[]) => [
        dy && vjp(dy, y!, x!, axes),
      ],
    }),
    lower: (node, to) => lowerReduce(kind, node, to),
    describe: ({ attrs: { axes, prologue, epilogue } }) =>
      `${prologue ? `of ${show(prologue)} ` : ""}{axes: [${axes}]}${epilogue ? ` ${show(epilogue)}` : ""}`,
  };
}

interface Problem {
  readonly kind: ReduceKind;
  readonly outputs: number;
  readonly length: number;
  /** What lies side by side in memory: what four neighbouring results fold, what one result folds, or neither. */
  readonly layout: "columns" | "rows" | "strided";
}

interface ReduceVariant extends Variant<Problem> {
  readonly write: (params: ReduceParams) => string;
  /** Elements that one invocation (or workgroup, of a tree) folds before the work is split into a second kernel. */
  readonly chunk: (traits: AdapterTraits) => number;
  /** Whether partial results lie chunk by chunk, rather than those of one result side by side. */
  readonly byChunk?: boolean;
  /** Invocations that so many results take, partial ones counted. */
  readonly invocations: (results: number) => number;
}

export const reduceVariants: readonly ReduceVariant[] = [
  {
    name: "serial",
    // Of rows, neighbours among a GPU's invocations read far from each other: caches have to hold them.
    score: ({ outputs, length, layout }, { cpu }) =>
      cpu || length <= 64 || (layout === "rows" ? outputs >= 16384 && length <= 256 : outputs >= 4096) ? 2 : 0,
    write: reduce(serial),
    chunk: () => 1024,
    invocations: (results) => results,
  },
  {
    name: "columns",
    needs: ({ layout }) => unless(layout === "columns", "results that lie in fours beside each other in memory"),
    score: ({ outputs, length }, { cpu }) => (cpu || outputs * length >= 2 ** 18 ? 3 : 0),
    write: reduce(serial, true),
    chunk: ({ cpu }) => (cpu ? 1024 : 128),
    byChunk: true,
    invocations: (results) => results / 4,
  },
  {
    name: "tree",
    needs: (_, traits) => needsWorkgroup(traits, workgroupSize),
    score: () => 1,
    write: reduce(tree),
    chunk: () => 2048,
    invocations: (results) => results * workgroupSize,
  },
];

/** A view as two: the axes that stay, and those that are folded. An element of both together is the sum of their positions. */
export function parted(view: View, axes: readonly number[]): { readonly kept: View; readonly folded: View } {
  const only = (keep: (axis: number) => boolean): View => ({
    ...view,
    shape: view.shape.filter((_, axis) => keep(axis)),
    strides: view.strides.filter((_, axis) => keep(axis)),
  });
  return { kept: only((axis) => !axes.includes(axis)), folded: { ...only((axis) => axes.includes(axis)), offset: 0 } };
}

function lowerReduce(kind: ReduceKind, node: Node, to: Lowering): readonly KernelCall[] {
  const { axes, prologue, epilogue } = node.attrs;
  const views = node.inputs.map((tensor) => to.view(tensor));
  const own = ownInputs(node);
  const operands = views.slice(0, own).map((view) => parted(view, axes));
  const places = node.results.map((_, i) => to.result(i)!);
  const program: PointwiseProgram = epilogue ?? identity(places[0]!.dtype);
  const [before, after] = [prologue ? `${nameOf(prologue)}+` : "", epilogue ? `+${nameOf(epilogue)}` : ""];
  const shape = labelShape(views[0]!.shape);
  const label = `${before}${kind}${shape}[${axes.join(",")}]${after}:${places[0]!.dtype}`;
  return foldCalls({ kind, label, operands, prologue, program, added: views.slice(own), places }, to);
}

/** What is folded, and what becomes of the results. */
interface Fold {
  readonly kind: ReduceKind;
  readonly label: string;
  /** One tensor, or those that `prologue` makes each element of: the axes that stay, and those that are folded. */
  readonly operands: readonly { readonly kept: View; readonly folded: View }[];
  readonly prologue?: PointwiseProgram | undefined;
  /** Runs on each result; `added` are views of its further inputs. */
  readonly program: PointwiseProgram;
  readonly added: readonly View[];
  readonly places: readonly View[];
}

/** The fold of a kernel's own partial results: their plain sum. */
export const sumCalls = (label: string, kept: View, folded: View, place: View, to: Lowering): readonly KernelCall[] =>
  foldCalls(
    {
      kind: "sum",
      label: `sum of ${label}`,
      operands: [{ kept, folded }],
      program: identity(place.dtype),
      added: [],
      places: [place],
    },
    to,
  );

/**
 * One call, or several where a result folds more than a chunk: partial results first, then their fold. A fixed tree, so the
 * result repeats to the bit, and long sums keep their accuracy.
 */
function foldCalls(fold: Fold, to: Lowering): readonly KernelCall[] {
  const { kind, label, operands, prologue } = fold;
  const { traits } = to;
  const [count, length] = [sizeOf(operands[0]!.kept.shape), sizeOf(operands[0]!.folded.shape)];
  const inRows = operands.some(({ folded }) => coalesce(folded).strides.at(-1) === 1);
  const layout = areInFours(operands, "kept") ? "columns" : inRows ? "rows" : "strided";
  const problem: Problem = { kind, outputs: count, length, layout };
  const variant = choose<ReduceVariant, Problem>("reduce", reduceVariants, problem, traits);
  const most = variant.chunk(traits);
  const chunks = length < 2 * most ? 1 : Math.ceil(length / most);
  const results = count * chunks;
  const type = prologue ? dtypeOf(prologue.outputs[0]!, prologue) : operands[0]!.kept.dtype;
  const partial = sumOf(type);
  const { program, added, places }: Pick<Fold, "program" | "added" | "places"> =
    chunks === 1
      ? fold
      : {
          program: identity(partial),
          added: [],
          places: [to.scratch(`partial results of ${label}`, [results], partial)],
        };
  const { outputs, bindings } = ends(added, places);
  const invocations = variant.invocations(results);
  const call: KernelCall = {
    label: chunks === 1 ? label : `${label}/partial`,
    family: "reduce",
    variant: variant.name,
    wgsl: variant.write({
      kind,
      inputs: operands.map(({ kept, folded }) => ({
        type: kept.dtype,
        kept,
        folded,
        length: lengthOf(kept),
      })),
      prologue: prologue && bodyOf(prologue, type),
      type,
      count,
      length,
      chunk: chunks === 1 ? length : most,
      epilogue: { ...bodyOf(program, program.inputs[0]!), inputs: added.map(buffer) },
      outputs,
    }),
    bindings: [...operands.map(({ kept }) => bind(kept, "read")), ...bindings],
    workgroups: alongX(invocations),
    invocations,
    flops: count * (length * (1 + (prologue ? flopsOf(prologue) : 0)) + flopsOf(program)),
    bytes:
      operands.reduce((sum, { kept, folded }) => sum + (touched(kept) * touched(folded)) / bytesPer(kept.dtype), 0) +
      added.reduce((sum, view) => sum + touched(view), 0) +
      places.reduce((sum, { dtype }) => sum + results * bytesPer(dtype), 0),
  };
  if (chunks === 1) return [call];
  const [each, next] = variant.byChunk ? [1, count] : [chunks, 1];
  const [place] = places as [View];
  const kept = { ...place, shape: [count], strides: [each] };
  const folded = { ...place, shape: [chunks], strides: [next] };
  return [call, ...foldCalls({ ...fold, operands: [{ kept, folded }], prologue: undefined }, to)];
}
