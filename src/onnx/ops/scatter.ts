import { FormatError, ShapeError } from "../../errors.ts";
import { showShape, sizeOf } from "../../graph/shape.ts";
import type { Tensor } from "../../graph/tensor.ts";
import {
  add,
  cast,
  eq,
  expand,
  full,
  gather,
  gt,
  iota,
  lt,
  max,
  maximum,
  min,
  minimum,
  mul,
  onesLike,
  pad,
  prod,
  reshape,
  scatterAdd,
  slice,
  squeeze,
  topk,
  transpose,
  unsqueeze,
  where,
} from "../../ops/index.ts";
import type { Built, OpNode, OpRow } from "../node.ts";
import { axisOf } from "./shapes.ts";

/** How updates that meet are joined: the number that changes nothing, over many, and with the old value. */
const reductions = {
  mul: { neutral: 1, over: prod, with: mul },
  max: { neutral: -3.4e38, over: max, with: maximum },
  min: { neutral: 3.4e38, over: min, with: minimum },
};

/** Updates of x along an axis, at positions `index` of the shape of the updates. */
function scattered(x: Tensor, axis: number, index: Tensor, updates: Tensor, reduction: string): Tensor {
  if (x.dtype !== "f32") return cast(scattered(cast(x, "f32"), axis, index, cast(updates, "f32"), reduction), x.dtype);
  if (reduction === "add") return scatterAdd(x, axis, index, updates);
  if (reduction === "none") {
    const none = full(x.shape, 0);
    const isMet = gt(scatterAdd(none, axis, index, onesLike(updates)), 0);
    return where(isMet, scatterAdd(none, axis, index, updates), x);
  }
  const rule = reductions[reduction as keyof typeof reductions];
  if (!rule) throw new FormatError(`reduction ${reduction} is not known`);
  // Every position looks at every update: [.., positions, .., updates].
  const n = x.shape[axis]!;
  if (n * index.size > 2 ** 28) throw new ShapeError(`${index.size} updates of ${showShape(x.shape)} are too many`);
  const last = x.shape.length;
  const far = (t: Tensor): Tensor => transpose(unsqueeze(t, last), axis, last);
  const shape = [...index.shape.with(axis, n), index.shape[axis]!];
  const isMet = eq(iota(shape, axis), expand(far(index), shape));
  const joined = rule.over(where(isMet, expand(far(updates), shape), rule.neutral), last);
  const high = x.shape.map((size, k) => size - joined.shape[k]!);
  return rule.with(x, pad(joined, { low: high.map(() => 0), high, value: rule.neutral }));
}

/** Positions, of which negative ones count from the end. */
const fromFront = (index: Tensor, n: Tensor | number): Tensor => {
  const at = cast(index, "i32");
  return where(lt(at, 0), add(at, n), at);
};

function scatterElements(node: OpNode): Built {
  const x = node.tensor(0);
  const axis = axisOf(node.int("axis", 0), x.shape.length);
  const index = fromFront(node.tensor(1), x.shape[axis]!);
  return scattered(x, axis, index, node.tensor(2), node.text("reduction", "none"));
}

/** Coordinates `[…, q]` of the first q axes of `sizes` as row-major positions `[…]`. */
function positions(index: Tensor, sizes: readonly number[]): Tensor {
  const last = index.shape.length - 1;
  return sizes
    .map((n, k) => {
      const column = slice(
        index,
        index.shape.map((_, axis) => (axis === last ? [k, k + 1] : [])),
      );
      return mul(fromFront(squeeze(column, last), n), sizeOf(sizes.slice(k + 1)));
    })
    .reduce((a, b) => add(a, b));
}

function scatterND(node: OpNode): Built {
  const [x, index, updates] = [node.tensor(0), node.tensor(1), node.tensor(2)];
  const q = index.shape.at(-1)!;
  const rest = sizeOf(x.shape.slice(q));
  const rows = reshape(x, [x.size / rest, rest]);
  const at = reshape(positions(index, x.shape.slice(0, q)), [-1, 1]);
  const pieces = [at.size, rest];
  const y = scattered(rows, 0, expand(at, pieces), reshape(updates, pieces), node.text("reduction", "none"));
  return reshape(y, x.shape);
}

function gatherND(node: OpNode): Built {
  const [x, index] = [node.tensor(0), node.tensor(1)];
  const batch = node.int("batch_dims", 0);
  const q = index.shape.at(-1)!;
  const lead = x.shape.slice(0, batch);
  const sizes = x.shape.slice(batch, batch + q);
  const tail = x.shape.slice(batch + q);
  const [count, rest] = [sizeOf(lead), sizeOf(tail)];
  const at = reshape(positions(index, sizes), [count, index.size / q / count, 1]);
  const rows = reshape(x, [count, sizeOf(sizes), rest]);
  return reshape(gather(rows, 1, expand(at, [...at.shape.slice(0, 2), rest])), [...index.shape.slice(0, -1), ...tail]);
}

function largest(node: OpNode): Built {
  const k = node.opset < 10 ? node.int("k", 1) : node.known(1)[0]!;
  const { values, indices } = topk(node.tensor(0), k, node.int("axis", -1), { largest: node.int("largest", 1) !== 0 });
  return [values, node.typed("int64", indices)];
}

export const scattering: readonly OpRow[] = [
  { op: "ScatterElements", since: [11, 13, 16, 18], limits: "integers are exact up to 2²⁴", build: scatterElements },
  { op: "Scatter", since: [9], build: scatterElements },
  { op: "ScatterND", since: [11, 13, 16, 18], limits: "integers are exact up to 2²⁴", build: scatterND },
  { op: "GatherND", since: [11, 12, 13], build: gatherND },
  { op: "TopK", since: [1, 10, 11, 24], limits: "k must be known", build: largest },
];
