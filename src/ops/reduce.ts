import { gridOf, workgroupSize } from "../../shaders/lib/grid.wgsl.ts";
import { type ReduceKind, type ReduceParams, reduceSerial, reduceTree } from "../../shaders/reduce.wgsl.ts";
import type { AdapterTraits, KernelCall, Lowering, Op, View } from "../graph/op.ts";
import { axesOf, axisOf, bytesPer, rowMajor, showShape, sizeOf } from "../graph/shape.ts";
import { apply, type Node, type Tensor } from "../graph/tensor.ts";
import { add, cast, div, eq, exp, log, mul, pow, sqrt, sub, where, abs, gt } from "./arithmetic.ts";
import { onesLike, zerosLike } from "./constants.ts";
import { bind, touched } from "./fused.ts";
import { finite } from "./pointwise.ts";
import { iota } from "./random.ts";
import { expand, reshape } from "./views.ts";
import { choose, type Variant } from "./variants.ts";

/** Axes to fold: one, several, or all of them when left out. */
export type Axes = number | readonly number[] | undefined;

const isPick = (kind: ReduceKind): boolean => kind === "argmax" || kind === "argmin";

function reduceOp(kind: ReduceKind, vjp?: (dy: Tensor, y: Tensor, x: Tensor, node: Node) => Tensor): Op {
  return {
    name: kind,
    infer: ([x], { axes }) => [
      { shape: x!.shape.filter((_, axis) => !axes.includes(axis)), dtype: isPick(kind) ? "i32" : x!.dtype },
    ],
    ...(vjp && { vjp: (node, [dy]) => [dy && vjp(dy, node.results[0]!, node.inputs[0]!, node)] }),
    lower: (node, to) => lowerReduce(kind, node, to),
  };
}

/** Puts the folded axes back as size 1 and stretches to the shape of `x`. */
function spread(y: Tensor, x: Tensor, axes: readonly number[]): Tensor {
  return expand(reshape(y, x.shape.map((n, axis) => (axes.includes(axis) ? 1 : n))), x.shape);
}

const sumOp = reduceOp("sum", (dy, _, x, { attrs: { axes, scale } }) =>
  spread(scale === 1 ? dy : mul(dy, scale), x, axes),
);
// Elements that tie for the extreme share the gradient equally, as amax and amin of PyTorch do.
const shareTies = (dy: Tensor, y: Tensor, x: Tensor, { attrs: { axes } }: Node): Tensor => {
  const winners = cast(eq(x, spread(y, x, axes)), x.dtype);
  return mul(winners, spread(div(dy, reduce(sumOp, winners, axes, { scale: 1 })), x, axes));
};
const maxOp = reduceOp("max", shareTies);
const minOp = reduceOp("min", shareTies);
// The product of the others: y / x, but exact where one element of a product is 0; two zeros leave nothing.
const prodOp = reduceOp("prod", (dy, _, x, { attrs: { axes } }) => {
  const isZero = eq(x, 0);
  const others = where(isZero, onesLike(x), x);
  const zeros = spread(reduce(sumOp, cast(isZero, x.dtype), axes, { scale: 1 }), x, axes);
  const product = spread(mul(dy, reduce(prodOp, others, axes)), x, axes);
  const single = where(isZero, where(eq(zeros, 1), product, zerosLike(x)), zerosLike(x));
  return where(eq(zeros, 0), div(product, others), single);
});
const argmaxOp = reduceOp("argmax");
const argminOp = reduceOp("argmin");

function reduce(op: Op, x: Tensor, axes: readonly number[], attrs: { scale?: number } = {}): Tensor {
  return apply(op, [x], { axes: [...axes], ...attrs });
}

/** Applies a reduction, and puts the folded axes back as size 1 where asked to. */
function fold(op: Op, x: Tensor, axes: Axes, keepdim: boolean, attrs: { scale?: number } = {}): Tensor {
  const folded = axesOf(op.name, axes, x.shape.length);
  const y = folded.length === 0 && !isPick(op.name as ReduceKind) ? x : reduce(op, x, folded, attrs);
  return keepdim ? reshape(y, x.shape.map((n, axis) => (folded.includes(axis) ? 1 : n))) : y;
}

/** Sum over axes (all by default). @param keepdim keeps folded axes with size 1; default false. */
export const sum = (x: Tensor, axes?: Axes, keepdim = false): Tensor => fold(sumOp, x, axes, keepdim, { scale: 1 });

/** Mean over axes (all by default), in one kernel with the sum. */
export function mean(x: Tensor, axes?: Axes, keepdim = false): Tensor {
  const count = axesOf("mean", axes, x.shape.length).reduce((n, axis) => n * x.shape[axis]!, 1);
  return fold(sumOp, x, axes, keepdim, { scale: 1 / count });
}

/** Product over axes (all by default). Its gradient is exact also where factors are 0. */
export const prod = (x: Tensor, axes?: Axes, keepdim = false): Tensor => fold(prodOp, x, axes, keepdim);

/** Largest element over axes (all by default); tied elements share the gradient equally. PyTorch's `amax`. */
export const max = (x: Tensor, axes?: Axes, keepdim = false): Tensor => fold(maxOp, x, axes, keepdim);

/** Smallest element over axes (all by default); tied elements share the gradient equally. PyTorch's `amin`. */
export const min = (x: Tensor, axes?: Axes, keepdim = false): Tensor => fold(minOp, x, axes, keepdim);

/** Position (i32) of the first largest element along an axis, or in the flattened tensor when no axis is given. */
export const argmax = (x: Tensor, axis?: number, keepdim = false): Tensor => pick(argmaxOp, x, axis, keepdim);

/** Position (i32) of the first smallest element along an axis, or in the flattened tensor when no axis is given. */
export const argmin = (x: Tensor, axis?: number, keepdim = false): Tensor => pick(argminOp, x, axis, keepdim);

function pick(op: Op, x: Tensor, axis: number | undefined, keepdim: boolean): Tensor {
  return fold(op, x, axis === undefined ? undefined : [axisOf(op.name, axis, x.shape.length)], keepdim);
}

/** Largest elements along an axis with their positions; unlike `max`, the first of tied elements gets the whole gradient. */
export const maxWithIndex = (x: Tensor, axis: number, keepdim = false) => withIndex(argmax, x, axis, keepdim);

/** Smallest elements along an axis with their positions; the first of tied elements gets the whole gradient. */
export const minWithIndex = (x: Tensor, axis: number, keepdim = false) => withIndex(argmin, x, axis, keepdim);

function withIndex(find: typeof argmax, x: Tensor, axis: number, keepdim: boolean): { values: Tensor; indices: Tensor } {
  const at = axisOf("max", axis, x.shape.length);
  const indices = find(x, at, true);
  const chosen = eq(iota(x.shape, at), expand(indices, x.shape));
  const values = sum(where(chosen, x, zerosLike(x)), at, keepdim);
  return { values, indices: keepdim ? indices : reshape(indices, values.shape) };
}

/**
 * Variance over axes (all by default): squared deviations over n − correction.
 * @param correction default 1 (Bessel's); 0 gives the variance of the data themselves.
 */
export function variance(x: Tensor, axes?: Axes, { correction = 1, keepdim = false } = {}): Tensor {
  const count = axesOf("var", axes, x.shape.length).reduce((n, axis) => n * x.shape[axis]!, 1);
  const deviation = sub(x, mean(x, axes, true));
  return mul(sum(mul(deviation, deviation), axes, keepdim), finite("var", "1 / (n − correction)", 1 / (count - correction)));
}

/** Standard deviation, the root of `variance`; its gradient is 0 where all elements are equal. */
export const std = (x: Tensor, axes?: Axes, options: { correction?: number; keepdim?: boolean } = {}): Tensor =>
  safeSqrt(variance(x, axes, options));

/** √x with gradient 0 at 0: the root of a sum of squares has none there. */
function safeSqrt(x: Tensor): Tensor {
  const positive = gt(x, 0);
  return where(positive, sqrt(where(positive, x, onesLike(x))), zerosLike(x));
}

/**
 * (Σ|x|ᵖ)^(1/p) over axes (all by default); the largest |x| for p = Infinity. Its gradient at 0 is 0.
 * @param p default 2; 0 counts the elements that are not 0.
 */
export function norm(x: Tensor, axes?: Axes, { p = 2, keepdim = false } = {}): Tensor {
  if (p === 0) return sum(where(eq(x, 0), zerosLike(x), onesLike(x)), axes, keepdim);
  if (p === Number.POSITIVE_INFINITY) return max(abs(x), axes, keepdim);
  if (p === Number.NEGATIVE_INFINITY) return min(abs(x), axes, keepdim);
  if (p === 1) return sum(abs(x), axes, keepdim);
  if (p === 2) return safeSqrt(sum(mul(x, x), axes, keepdim));
  finite("norm", "p", p);
  const total = sum(pow(abs(x), p), axes, keepdim);
  const positive = gt(total, 0);
  return where(positive, pow(where(positive, total, onesLike(total)), 1 / p), zerosLike(total));
}

/** log Σ eˣ over axes (all by default), shifted by the largest element so that nothing overflows. */
export function logsumexp(x: Tensor, axes?: Axes, keepdim = false): Tensor {
  const top = detach(max(x, axes, true));
  const y = add(log(sum(exp(sub(x, top)), axes, true)), top);
  return keepdim ? y : reshape(y, sum(x, axes).shape);
}

const detachOp: Op = {
  name: "detach",
  infer: ([x]) => [{ shape: x!.shape, dtype: x!.dtype }],
  view: (_, x) => x,
};

/** The same value, through which no gradient flows. */
export const detach = (x: Tensor): Tensor => apply(detachOp, [x]);

interface Problem {
  readonly kind: ReduceKind;
  readonly outputs: number;
  readonly length: number;
}

interface ReduceVariant extends Variant<Problem> {
  readonly write: (params: ReduceParams) => string;
  /** Elements that one invocation (serial) or workgroup (tree) folds before the work is split into a second kernel. */
  readonly chunk: number;
  /** Workgroups for so many results. */
  readonly groups: (results: number) => number;
}

const variants: readonly ReduceVariant[] = [
  {
    name: "serial",
    fits: () => true,
    score: ({ outputs, length }, { cpu }) => (cpu || outputs >= 4096 || length <= 32 ? 2 : 0),
    write: reduceSerial,
    chunk: 1024,
    groups: (results) => Math.ceil(results / workgroupSize),
  },
  {
    name: "tree",
    fits: (_, { maxInvocations }) => maxInvocations >= workgroupSize,
    score: () => 1,
    write: reduceTree,
    chunk: 8192,
    groups: (results) => results,
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
  return split(kind, label, parts, length, scale, out, to, to.traits);
}

/**
 * One call, or several where a result folds more than a chunk: partial results first, then their fold. A fixed tree, so the
 * result repeats to the bit, and long sums keep their accuracy.
 */
function split(
  kind: ReduceKind,
  label: string,
  parts: { kept: View; folded: View },
  length: number,
  scale: number,
  out: View,
  to: Lowering,
  traits: AdapterTraits,
): readonly KernelCall[] {
  const outputs = sizeOf(parts.kept.shape);
  const variant = choose<ReduceVariant, Problem>("reduce", variants, { kind, outputs, length }, traits);
  const chunks = isPick(kind) || length < 2 * variant.chunk ? 1 : Math.ceil(length / variant.chunk);
  const place = chunks === 1 ? out : to.scratch(`partial results of ${label}`, [outputs, chunks], out.dtype);
  const results = outputs * chunks;
  const grid = gridOf(variant.groups(results));
  const { kept } = parts;
  const call: KernelCall = {
    label: chunks === 1 ? label : `${label}/partial`,
    family: "reduce",
    variant: variant.name,
    wgsl: variant.write({
      kind,
      type: kept.dtype,
      kept,
      folded: parts.folded,
      outputs,
      length,
      chunk: chunks === 1 ? length : variant.chunk,
      scale: chunks === 1 ? scale : 1,
      inputLength: kept.span / bytesPer(kept.dtype),
      outputLength: place.span / bytesPer(place.dtype),
      grid,
    }),
    bindings: [bind(kept, "read"), bind(place, "read_write")],
    workgroups: [grid.x, grid.y, 1],
    flops: outputs * length,
    bytes: touched(kept) * (touched(parts.folded) / bytesPer(kept.dtype)) + results * bytesPer(place.dtype),
  };
  if (chunks === 1) return [call];
  const strides = rowMajor([outputs, chunks]);
  const rest = {
    kept: { ...place, shape: [outputs], strides: [strides[0]!] },
    folded: { ...place, shape: [chunks], strides: [strides[1]!] },
  };
  return [call, ...split(kind, label, rest, chunks, scale, out, to, traits)];
}
