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
import { bind, touched } from "./fused.ts";
import { choose, type Variant } from "./variants.ts";

export const isPick = (kind: string): boolean => kind === "argmax" || kind === "argmin";

/**
 * The op of a reduction: folds `attrs.axes` away; the result of a sum is multiplied by `attrs.scale`. `attrs.to` is the dtype of
 * the result where it is not that of the operand: f16 may be summed to f32.
 */
export function reduceOp(
  kind: ReduceKind,
  vjp?: (dy: Tensor, y: Tensor, x: Tensor, axes: readonly number[]) => Tensor,
): Op {
  return {
    name: kind,
    // Sums and products leave the range of f16 soon, the largest and smallest of f16 numbers never do.
    ...(kind === "sum" || kind === "prod" ? { widens: true } : { precision: "operands" as const }),
    infer: ([x], { axes, to = x!.dtype }) => [
      { shape: x!.shape.filter((_, axis) => !axes.includes(axis)), dtype: isPick(kind) ? "i32" : to },
    ],
    ...(vjp && {
      vjp: ({ results: [y], inputs: [x], attrs: { axes } }: Node, [dy]: readonly (Tensor | undefined)[]) => [
        dy && vjp(dy, y!, x!, axes),
      ],
    }),
    lower: (node, to) => lowerReduce(kind, node, to),
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
  const input = to.view(node.inputs[0]!);
  const { axes, scale = 1 } = node.attrs;
  const shape = `${showShape(input.shape).replaceAll(", ", "x")}`;
  const out = to.result(0)!;
  const folded = axes as readonly number[];
  const only = (keep: (axis: number) => boolean): View => ({
    ...input,
    shape: input.shape.filter((_, axis) => keep(axis)),
    strides: input.strides.filter((_, axis) => keep(axis)),
  });
  const kept = only((axis) => !folded.includes(axis));
  const length = sizeOf(input.shape) / sizeOf(kept.shape);
  const parts = { kept, folded: { ...only((axis) => folded.includes(axis)), offset: 0 } };
  const label = `${kind}${shape}[${folded.join(",")}]:${out.dtype}`;
  return foldCalls(kind, label, parts, length, scale, out, to, to.traits);
}

/**
 * One call, or several where a result folds more than a chunk: partial results first, then their fold. A fixed tree, so the
 * result repeats to the bit, and long sums keep their accuracy.
 */
export function foldCalls(
  kind: ReduceKind,
  label: string,
  parts: { kept: View; folded: View },
  length: number,
  scale: number,
  out: View,
  to: Lowering,
  traits: AdapterTraits,
): readonly KernelCall[] {
  const { kept } = parts;
  const outputs = sizeOf(kept.shape);
  const columns = !isPick(kind) && inColumns(kept, parts.folded);
  const variant = choose<ReduceVariant, Problem>("reduce", reduceVariants, { kind, outputs, length, columns }, traits);
  const most = variant.chunk(traits);
  const chunks = isPick(kind) || length < 2 * most ? 1 : Math.ceil(length / most);
  const chunk = chunks === 1 ? length : most;
  const results = outputs * chunks;
  const place = chunks === 1 ? out : to.scratch(`partial results of ${label}`, [results], sumOf(kept.dtype));
  const invocations = variant.invocations(results);
  const grid = gridOf(Math.ceil(invocations / workgroupSize));
  const call: KernelCall = {
    label: chunks === 1 ? label : `${label}/partial`,
    family: "reduce",
    variant: variant.name,
    wgsl: variant.write({
      kind,
      type: kept.dtype,
      outputType: place.dtype,
      kept,
      folded: parts.folded,
      outputs,
      length,
      chunk,
      scale: chunks === 1 ? scale : 1,
      inputLength: kept.span / bytesPer(kept.dtype),
      outputLength: place.span / bytesPer(place.dtype),
      grid,
    }),
    bindings: [bind(kept, "read"), bind(place, "read_write")],
    workgroups: [grid.x, grid.y, 1],
    invocations,
    flops: outputs * length,
    bytes: touched(kept) * (touched(parts.folded) / bytesPer(kept.dtype)) + results * bytesPer(place.dtype),
  };
  if (chunks === 1) return [call];
  const [each, next] = variant.byChunk ? [1, outputs] : [chunks, 1];
  const rest = {
    kept: { ...place, shape: [outputs], strides: [each] },
    folded: { ...place, shape: [chunks], strides: [next] },
  };
  return [call, ...foldCalls(kind, label, rest, chunks, scale, out, to, traits)];
}
