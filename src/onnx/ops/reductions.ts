import { sizeOf } from "../../graph/shape.ts";
import type { Tensor } from "../../graph/tensor.ts";
import {
  abs,
  argmax,
  argmin,
  cast,
  flip,
  log,
  logsumexp,
  max,
  mean,
  min,
  mul,
  prod,
  reshape,
  sqrt,
  sub,
  sum,
} from "../../ops/index.ts";
import type { Built, OpNode, OpRow } from "../node.ts";
import { axisOf } from "./shapes.ts";

type Fold = (x: Tensor, axes: readonly number[]) => Tensor;

/** Sums of integers and of floats alike; products of sums need floats. */
const inFloat =
  (fold: Fold): Fold =>
  (x, axes) =>
    x.dtype === "f32" ? fold(x, axes) : cast(fold(cast(x, "f32"), axes), x.dtype);

/** What a reduction of no elements gives, by op. Extremes of nothing are infinite, and for integers the last number. */
const ofNothing: Readonly<Record<string, number>> = {
  ReduceProd: 1,
  ReduceLogSum: Number.NEGATIVE_INFINITY,
  ReduceLogSumExp: Number.NEGATIVE_INFINITY,
  ReduceMax: Number.NEGATIVE_INFINITY,
  ReduceMin: Number.POSITIVE_INFINITY,
  ReduceMean: Number.NaN,
};

const reduction = (op: string, since: readonly number[], fold: Fold): OpRow => ({
  op,
  since,
  limits: "axes must be known",
  build: (node) => reduced(node, fold),
});

function reduced(node: OpNode, fold: Fold): Built {
  const x = node.value(0);
  const given = node.axes(1);
  const isAll = given === undefined || given.length === 0;
  if (isAll && node.int("noop_with_empty_axes", 0)) return x;
  const axes = isAll ? x.shape.map((_, axis) => axis) : given.map((axis) => axisOf(axis, x.rank));
  const keeps = node.int("keepdims", 1) !== 0;
  const shape = x.shape.flatMap((n, axis) => (axes.includes(axis) ? (keeps ? [1] : []) : [n]));
  // A number is a line of one: its square or norm is not itself.
  if (x.size > 0) return reshape(x.rank === 0 ? fold(reshape(x.tensor, [1]), [0]) : fold(x.tensor, axes), shape);
  return node.host(x.type, shape, new Array<number>(sizeOf(shape)).fill(ofNothing[node.op] ?? 0));
}

const square = (x: Tensor): Tensor => mul(x, x);

const pick = (op: string, find: (x: Tensor, axis: number) => Tensor): OpRow => ({
  op,
  since: [1, 11, 12, 13],
  build(node) {
    const x = node.tensor(0);
    const axis = axisOf(node.int("axis", 0), x.shape.length);
    const isLast = node.int("select_last_index", 0) !== 0;
    // The last of equal elements is the first one from the end.
    const at = isLast ? sub(x.shape[axis]! - 1, find(flip(x, axis), axis)) : find(x, axis);
    const keeps = node.int("keepdims", 1) !== 0;
    return node.typed("int64", keeps ? reshape(at, x.shape.with(axis, 1)) : at);
  },
});

export const reductions: readonly OpRow[] = [
  reduction("ReduceSum", [1, 11, 13], sum),
  reduction("ReduceMean", [1, 11, 13, 18], inFloat(mean)),
  reduction("ReduceMax", [1, 11, 12, 13, 18, 20], max),
  reduction("ReduceMin", [1, 11, 12, 13, 18, 20], min),
  reduction("ReduceProd", [1, 11, 13, 18], prod),
  reduction("ReduceL1", [1, 11, 13, 18], (x, axes) => sum(abs(x), axes)),
  reduction(
    "ReduceL2",
    [1, 11, 13, 18],
    inFloat((x, axes) => sqrt(sum(square(x), axes))),
  ),
  reduction("ReduceSumSquare", [1, 11, 13, 18], (x, axes) => sum(square(x), axes)),
  reduction(
    "ReduceLogSum",
    [1, 11, 13, 18],
    inFloat((x, axes) => log(sum(x, axes))),
  ),
  reduction("ReduceLogSumExp", [1, 11, 13, 18], inFloat(logsumexp)),
  pick("ArgMax", argmax),
  pick("ArgMin", argmin),
];
