import type { Tensor } from "../../graph/tensor.ts";
import {
  add,
  cast,
  constant,
  cumsum,
  eq,
  expand,
  flip,
  gather,
  indexSelect,
  iota,
  lt,
  reshape,
  sub,
  tril,
  triu,
  unsqueeze,
  where,
} from "../../ops/index.ts";
import type { Built, OpNode, OpRow } from "../node.ts";
import type { Value } from "../value.ts";
import { axisOf } from "./shapes.ts";

/** Positions along an axis of `n` elements, of which negative ones count from the end, as i32. */
function positionsOf(index: Value, n: number): Tensor {
  if (index.host) {
    const from = Int32Array.from(index.host, (at) => (at < 0 ? at + n : at));
    return constant(from, index.shape);
  }
  const at = cast(index.tensor, "i32");
  return where(lt(at, 0), add(at, n), at);
}

function gatherSlices(node: OpNode): Built {
  const [x, index] = [node.value(0), node.value(1)];
  const axis = axisOf(node.int("axis", 0), x.rank);
  const shape = [...x.shape.slice(0, axis), ...index.shape, ...x.shape.slice(axis + 1)];
  if (index.size === 0) return node.host(x.type, shape, []);
  const line = reshape(positionsOf(index, x.shape[axis]!), [index.size]);
  return reshape(indexSelect(x.tensor, axis, line), shape);
}

function gatherElements(node: OpNode): Built {
  const [x, index] = [node.value(0), node.value(1)];
  const axis = axisOf(node.int("axis", 0), x.rank);
  return gather(x.tensor, axis, positionsOf(index, x.shape[axis]!));
}

function oneHotRows(node: OpNode): Built {
  const [index, values] = [node.value(0), node.value(2)];
  const depth = node.known(1)[0]!;
  const rank = index.rank + 1;
  const axis = axisOf(node.int("axis", -1), rank);
  const shape = [...index.shape.slice(0, axis), depth, ...index.shape.slice(axis)];
  // −depth … −1 count from the end; other positions outside of the range are nowhere.
  const given = cast(index.tensor, "i32");
  const at = where(lt(given, 0), add(given, depth), given);
  const isOn = eq(iota(shape, axis), expand(unsqueeze(at, axis), shape));
  const [off, on] = [0, 1].map((i) => reshape(indexSelect(values.tensor, 0, constant(Int32Array.of(i), [1])), [])) as [
    Tensor,
    Tensor,
  ];
  return node.typed(values.type, where(isOn, on, off));
}

function nonZero(node: OpNode): Built {
  const x = node.value(0);
  const places = node.known(0).flatMap((value, at) => (value === 0 ? [] : [at]));
  const strides = x.shape.map((_, axis) => x.shape.slice(axis + 1).reduce((product, n) => product * n, 1));
  const numbers = x.shape.flatMap((n, axis) => places.map((at) => Math.floor(at / strides[axis]!) % n));
  return node.host("int64", [x.rank, places.length], numbers);
}

function trilu(node: OpNode): Built {
  const x = node.value(0);
  if (x.size === 0) return node.host(x.type, x.shape, []);
  const k = node.numbers(1)?.[0] ?? 0;
  return node.int("upper", 1) ? triu(x.tensor, k) : tril(x.tensor, k);
}

function runningSum(node: OpNode): Built {
  const x = node.tensor(0);
  const axis = axisOf(node.known(1)[0]!, x.shape.length);
  const turned = node.int("reverse", 0) ? flip(x, axis) : x;
  const sums = cumsum(turned, axis);
  const sum = node.int("exclusive", 0) ? sub(sums, turned) : sums;
  return node.int("reverse", 0) ? flip(sum, axis) : sum;
}

export const indexing: readonly OpRow[] = [
  { op: "Gather", since: [1, 11, 13], build: gatherSlices },
  { op: "GatherElements", since: [11, 13], build: gatherElements },
  { op: "OneHot", since: [9, 11], limits: "the depth must be known", build: oneHotRows },
  { op: "NonZero", since: [9, 13], limits: "the input must be known, since it decides the shape", build: nonZero },
  { op: "Trilu", since: [14], limits: "the diagonal must be known", build: trilu },
  { op: "CumSum", since: [11, 14], limits: "the axis must be known", build: runningSum },
];
