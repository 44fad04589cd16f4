import { gridOf, workgroupSize } from "../../shaders/lib/grid.wgsl.ts";
import { sumOf } from "../../shaders/lib/half.wgsl.ts";
import {
  inColumns,
  type ReduceKind,
  type ReduceParams,
  reduceColumns,
  reduceSerial,
  reduceTree,
} from "../../shaders/reduce.wgsl.ts";
import type { AdapterTraits, KernelCall, Lowering, Op, View } from "../graph/op.ts";
import { bytesPer, showShape, sizeOf } from "../graph/shape.ts";
import type { Node, Tensor } from "../graph/tensor.ts";
import { bind, buffer, ends, outputSpecs, touched } from "./fused.ts";
import { flopsOf, identity, nameOf, type PointwiseProgram, render, show } from "./program.ts";
import { choose, type Variant } from "./variants.ts";

export const isPick = (kind: string): boolean => kind === "argmax" || kind === "argmin";

/**
 * The op of a reduction: folds `attrs.axes` away. `attrs.to` is the dtype of the result where it is not that of the operand: f16 may
 * be summed to f32. A chain of pointwise ops, `attrs.epilogue`, may follow inside the kernel.
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
    infer([x], { axes, to = x!.dtype, epilogue }) {
      const shape = x!.shape.filter((_, axis) => !axes.includes(axis));
      return epilogue ? outputSpecs(epilogue, shape) : [{ shape, dtype: isPick(kind) ? "i32" : to }];
    },
    ...(vjp && {
      vjp: ({ results: [y], inputs: [x], attrs: { axes } }: Node, [dy]: readonly (Tensor | undefined)[]) => [
        dy && vjp(dy, y!, x!, axes),
      ],
    }),
    lower: (node, to) => lowerReduce(kind, node, to),
    describe: ({ attrs: { axes, epilogue } }) => `{axes: [${axes}]}${epilogue ? ` ${show(epilogue)}` : ""}`,
  };
}

interface Problem {
  readonly kind: ReduceKind;
  readonly outputs: number;
  readonly length: number;
  /** Whether four neighbouring results are folded from neighbours in memory. */
  readonly columns: boolean;
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
    fits: () => true,
    score: ({ outputs, length }, { cpu }) => (cpu || outputs >= 4096 || length <= 32 ? 2 : 0),
    write: reduceSerial,
    chunk: () => 1024,
    invocations: (results) => results,
  },
  {
    name: "columns",
    fits: ({ columns }) => columns,
    score: ({ outputs, length }, { cpu }) => (cpu || outputs * length >= 2 ** 18 ? 3 : 0),
    write: reduceColumns,
    chunk: ({ cpu }) => (cpu ? 1024 : 128),
    byChunk: true,
    invocations: (results) => results / 4,
  },
  {
    name: "tree",
    fits: (_, { maxInvocations }) => maxInvocations >= workgroupSize,
    score: () => 1,
    write: reduceTree,
    chunk: () => 2048,
    invocations: (results) => results * workgroupSize,
  },
];

function lowerReduce(kind: ReduceKind, node: Node, to: Lowering): readonly KernelCall[] {
  const [input, ...added] = node.inputs.map((tensor) => to.view(tensor)) as [View, ...View[]];
  const { axes, epilogue } = node.attrs;
  const folded = axes as readonly number[];
  const only = (keep: (axis: number) => boolean): View => ({
    ...input,
    shape: input.shape.filter((_, axis) => keep(axis)),
    strides: input.strides.filter((_, axis) => keep(axis)),
  });
  const kept = only((axis) => !folded.includes(axis));
  const length = sizeOf(input.shape) / sizeOf(kept.shape);
  const places = node.results.map((_, i) => to.result(i)!);
  const program: PointwiseProgram = epilogue ?? identity(places[0]!.dtype);
  const chain = nameOf(program);
  const shape = showShape(input.shape).replaceAll(", ", "x");
  return foldCalls(
    {
      kind,
      label: `${kind}${shape}[${folded.join(",")}]${chain && `+${chain}`}:${places[0]!.dtype}`,
      kept,
      folded: { ...only((axis) => folded.includes(axis)), offset: 0 },
      length,
      program,
      added,
      places,
    },
    to,
  );
}

/** What is folded, and what becomes of the results. */
interface Fold {
  readonly kind: ReduceKind;
  readonly label: string;
  /** The axes that stay, and those that are folded, of `length` elements. */
  readonly kept: View;
  readonly folded: View;
  readonly length: number;
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
      kept,
      folded,
      length: sizeOf(folded.shape),
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
  const { kind, label, kept, length } = fold;
  const { traits } = to;
  const count = sizeOf(kept.shape);
  const columns = !isPick(kind) && inColumns(kept, fold.folded);
  const problem = { kind, outputs: count, length, columns };
  const variant = choose<ReduceVariant, Problem>("reduce", reduceVariants, problem, traits);
  const most = variant.chunk(traits);
  const chunks = isPick(kind) || length < 2 * most ? 1 : Math.ceil(length / most);
  const results = count * chunks;
  const partial = sumOf(kept.dtype);
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
  const grid = gridOf(Math.ceil(invocations / workgroupSize));
  const call: KernelCall = {
    label: chunks === 1 ? label : `${label}/partial`,
    family: "reduce",
    variant: variant.name,
    wgsl: variant.write({
      kind,
      type: kept.dtype,
      kept,
      folded: fold.folded,
      count,
      length,
      chunk: chunks === 1 ? length : most,
      inputLength: kept.span / bytesPer(kept.dtype),
      epilogue: {
        type: program.inputs[0]!,
        inputs: added.map(buffer),
        ...render(
          program,
          program.inputs.map((_, i) => `x${i}`),
        ),
      },
      outputs,
      grid,
    }),
    bindings: [bind(kept, "read"), ...bindings],
    workgroups: [grid.x, grid.y, 1],
    invocations,
    flops: count * (length + flopsOf(program)),
    bytes:
      touched(kept) * (touched(fold.folded) / bytesPer(kept.dtype)) +
      added.reduce((sum, view) => sum + touched(view), 0) +
      places.reduce((sum, { dtype }) => sum + results * bytesPer(dtype), 0),
  };
  if (chunks === 1) return [call];
  const [each, next] = variant.byChunk ? [1, count] : [chunks, 1];
  const [place] = places as [View];
  const rest = {
    kept: { ...place, shape: [count], strides: [each] },
    folded: { ...place, shape: [chunks], strides: [next] },
    length: chunks,
  };
  return [call, ...foldCalls({ ...fold, ...rest }, to)];
}
