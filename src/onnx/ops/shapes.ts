import { FormatError, ShapeError } from "../../errors.ts";
import { broadcastShapes, type Shape, showShape, sizeOf } from "../../graph/shape.ts";
import type { Tensor } from "../../graph/tensor.ts";
import {
  concat,
  constant,
  expand,
  indexSelect,
  pad,
  padWith,
  permute,
  reshape,
  slice,
  split,
} from "../../ops/index.ts";
import type { Built, OpNode, OpRow } from "../node.ts";
import { most, type Value } from "../value.ts";

/** An axis counted from the front. */
export function axisOf(axis: number, rank: number): number {
  const at = axis < 0 ? axis + rank : axis;
  if (Number.isInteger(at) && at >= 0 && at < Math.max(rank, 1)) return at;
  throw new ShapeError(`axis ${axis} does not exist in a tensor of rank ${rank}`);
}

/** Another shape of the same elements, also of an empty or known value. */
function reshapedValue(node: OpNode, x: Value, shape: Shape): Built {
  if (sizeOf(shape) !== x.size) throw new ShapeError(`${showShape(x.shape)} does not fit ${showShape(shape)}`);
  return x.isKnown ? node.host(x.type, shape, x.host!) : reshape(x.tensor, shape);
}

function reshapeTo(node: OpNode): Built {
  const x = node.value(0);
  const wanted = node.opset < 5 ? node.ints("shape")! : node.known(1);
  const copies = node.int("allowzero", 0) === 0;
  const shape = wanted.map((n, axis) => (n === 0 && copies ? (x.shape[axis] ?? 0) : n));
  const rest = sizeOf(shape.filter((n) => n !== -1));
  return reshapedValue(
    node,
    x,
    shape.map((n) => (n === -1 ? (rest === 0 ? 0 : x.size / rest) : n)),
  );
}

function flattenFrom(node: OpNode): Built {
  const x = node.value(0);
  const given = node.int("axis", 1);
  const axis = given < 0 ? given + x.rank : given;
  return reshapedValue(node, x, [sizeOf(x.shape.slice(0, axis)), sizeOf(x.shape.slice(axis))]);
}

function squeezeAxes(node: OpNode): Built {
  const x = node.value(0);
  const axes = node.axes(1)?.map((axis) => axisOf(axis, x.rank));
  const shape = x.shape.filter((n, axis) => (axes ? !axes.includes(axis) : n !== 1));
  return reshapedValue(node, x, shape);
}

function unsqueezeAxes(node: OpNode): Built {
  const x = node.value(0);
  const given = node.axes(1) ?? [];
  const rank = x.rank + given.length;
  const axes = new Set(given.map((axis) => axisOf(axis, rank)));
  if (axes.size !== given.length) throw new FormatError(`axes ${given.join(", ")} name one axis twice`);
  const sizes = [...x.shape];
  const shape = Array.from({ length: rank }, (_, axis) => (axes.has(axis) ? 1 : sizes.shift()!));
  return reshapedValue(node, x, shape);
}

function shapeOf(node: OpNode): Built {
  const { shape } = node.value(0);
  const part = shape.slice(node.int("start", 0), node.has("end") ? node.int("end", 0) : undefined);
  return node.host("int64", [part.length], part);
}

function concatenated(node: OpNode): Built {
  const values = node.inputs.filter((value) => value !== undefined);
  const axis = axisOf(node.int("axis", node.opset < 4 ? 1 : 0), values[0]!.rank);
  // tilegrad has no empty tensors; empty pieces add nothing.
  const pieces = values.filter((value) => value.size > 0);
  if (pieces.length === 0) {
    const along = values.reduce((total, value) => total + value.shape[axis]!, 0);
    return node.host(values[0]!.type, values[0]!.shape.with(axis, along), []);
  }
  const size = pieces.reduce((total, value) => total + value.size, 0);
  if (size <= most && pieces.every((value) => value.isKnown && value.rank === 1)) {
    const numbers = pieces.flatMap((value) => Array.from(value.host!));
    return node.host(pieces[0]!.type, [numbers.length], numbers);
  }
  return concat(
    pieces.map((value) => value.tensor),
    axis,
  );
}

function splitUp(node: OpNode): Built {
  const x = node.value(0);
  const axis = axisOf(node.int("axis", 0), x.rank);
  const n = x.shape[axis]!;
  const count = node.outputs.length;
  const even = Math.ceil(n / count);
  const sizes =
    node.numbers(1) ??
    node.ints("split") ??
    Array.from({ length: count }, (_, i) => Math.max(0, Math.min(even, n - i * even)));
  if (sizes.reduce((sum, size) => sum + size, 0) !== n)
    throw new ShapeError(`axis ${axis} of ${showShape(x.shape)} is not split by ${showShape(sizes)}`);
  const full = sizes.filter((size) => size > 0);
  const pieces = full.length === 0 ? [] : split(x.tensor, axis, full);
  return sizes.map((size) => (size > 0 ? pieces.shift()! : node.host(x.type, x.shape.with(axis, 0), [])));
}

/** Ranges of a slice as Python counts them: [first, count, step] for each axis. */
function sliceAxes(node: OpNode): Built {
  const x = node.value(0);
  const isAttribute = node.opset < 10;
  const starts = isAttribute ? node.ints("starts")! : node.known(1);
  const ends = isAttribute ? node.ints("ends")! : node.known(2);
  const axes = (isAttribute ? node.ints("axes") : node.numbers(3)) ?? starts.map((_, i) => i);
  const steps = (isAttribute ? undefined : node.numbers(4)) ?? starts.map(() => 1);
  const shape = [...x.shape];
  const ranges: (readonly [number | undefined, number | undefined, number] | undefined)[] = x.shape.map(
    () => undefined,
  );
  axes.forEach((given, i) => {
    const axis = axisOf(given, x.rank);
    const n = x.shape[axis]!;
    const step = steps[i]!;
    const clip = (at: number, low: number, high: number) => Math.min(Math.max(at < 0 ? at + n : at, low), high);
    const from = step > 0 ? clip(starts[i]!, 0, n) : clip(starts[i]!, 0, n - 1);
    const to = step > 0 ? clip(ends[i]!, 0, n) : clip(ends[i]!, -1, n - 1);
    shape[axis] = Math.max(0, Math.ceil((to - from) / step));
    ranges[axis] = [from, to < 0 ? undefined : to, step];
  });
  if (sizeOf(shape) === 0) return node.host(x.type, shape, []);
  return slice(x.tensor, ranges as Parameters<typeof slice>[1]);
}

function tile(node: OpNode): Built {
  const x = node.value(0);
  const repeats = node.known(1);
  if (repeats.length !== x.rank) throw new ShapeError(`${repeats.length} repeats for ${showShape(x.shape)}`);
  const apart = reshape(
    x.tensor,
    x.shape.flatMap((n) => [1, n]),
  );
  const repeated = expand(
    apart,
    x.shape.flatMap((n, axis) => [repeats[axis]!, n]),
  );
  return reshape(
    repeated,
    x.shape.map((n, axis) => n * repeats[axis]!),
  );
}

function expandTo(node: OpNode): Built {
  const x = node.value(0);
  const shape = broadcastShapes("Expand", x.shape, node.known(1));
  return sizeOf(shape) === 0 ? node.host(x.type, shape, []) : expand(x.tensor, shape);
}

/** Pads by counts, of which negative ones cut off. */
function padAxes(node: OpNode): Built {
  const x = node.tensor(0);
  const rank = x.shape.length;
  const isAttribute = node.opset < 11;
  const counts = isAttribute ? (node.ints("pads") ?? node.ints("paddings")!) : node.known(1);
  const axes =
    (isAttribute ? undefined : node.numbers(3))?.map((axis) => axisOf(axis, rank)) ?? x.shape.map((_, i) => i);
  const low = new Array<number>(rank).fill(0);
  const high = new Array<number>(rank).fill(0);
  axes.forEach((axis, i) => {
    low[axis] = counts[i]!;
    high[axis] = counts[i + axes.length]!;
  });
  const cut = slice(
    x,
    x.shape.map((n, axis) => [Math.max(0, -low[axis]!), n - Math.max(0, -high[axis]!)]),
  );
  const [before, behind] = [low, high].map((list) => list.map((n) => Math.max(0, n))) as [number[], number[]];
  const mode = node.text("mode", "constant");
  if (mode !== "constant" && [...before, ...behind].some((n) => n > most)) throw new FormatError("pads are too large");
  if (mode === "constant") {
    const value = isAttribute ? node.float("value", 0) : (node.numbers(2)?.[0] ?? 0);
    return pad(cut, { low: before, high: behind, value });
  }
  if (mode === "wrap") return wrapAround(cut, before, behind);
  if (mode !== "reflect" && mode !== "edge") throw new FormatError(`mode ${mode} is not known`);
  return padWith(mode === "edge" ? "replicate" : "reflect", cut, before, behind);
}

function wrapAround(x: Tensor, low: readonly number[], high: readonly number[]): Tensor {
  return x.shape.reduce((y, n, axis) => {
    const [before, length] = [low[axis]!, low[axis]! + n + high[axis]!];
    if (length === n) return y;
    const index = Int32Array.from({ length }, (_, i) => (((i - before) % n) + n) % n);
    return indexSelect(y, axis, constant(index, [length]));
  }, x);
}

function transposed(node: OpNode): Built {
  const x = node.tensor(0);
  return permute(x, node.ints("perm") ?? x.shape.map((_, axis) => x.shape.length - 1 - axis));
}

function depthToSpace(node: OpNode): Built {
  const x = node.tensor(0);
  const [n, c, h, w] = x.shape as [number, number, number, number];
  const b = node.int("blocksize", 1);
  const depth = c / b ** 2;
  const apart =
    node.text("mode", "DCR") === "DCR"
      ? permute(reshape(x, [n, b, b, depth, h, w]), [0, 3, 4, 1, 5, 2])
      : permute(reshape(x, [n, depth, b, b, h, w]), [0, 1, 4, 2, 5, 3]);
  return reshape(apart, [n, depth, h * b, w * b]);
}

function spaceToDepth(node: OpNode): Built {
  const x = node.tensor(0);
  const [n, c, h, w] = x.shape as [number, number, number, number];
  const b = node.int("blocksize", 1);
  return reshape(permute(reshape(x, [n, c, h / b, b, w / b, b]), [0, 3, 5, 1, 2, 4]), [n, c * b * b, h / b, w / b]);
}

export const shapes: readonly OpRow[] = [
  { op: "Shape", since: [1, 13, 15, 19, 21, 23, 24, 25], build: shapeOf },
  {
    op: "Size",
    since: [1, 13, 19, 21, 23, 24, 25],
    build: (node) => node.host("int64", [], [node.value(0).size]),
  },
  { op: "Reshape", since: [1, 5, 13, 14, 19, 21, 23, 24, 25], limits: "the shape must be known", build: reshapeTo },
  { op: "Flatten", since: [1, 9, 11, 13, 21, 23, 24, 25], build: flattenFrom },
  { op: "Squeeze", since: [1, 11, 13, 21, 23, 24, 25], limits: "axes must be known", build: squeezeAxes },
  { op: "Unsqueeze", since: [1, 11, 13, 21, 23, 24, 25], limits: "axes must be known", build: unsqueezeAxes },
  { op: "Transpose", since: [1, 13, 21, 23, 24, 25], build: transposed },
  { op: "Concat", since: [1, 4, 11, 13], build: concatenated },
  { op: "Split", since: [1, 2, 11, 13, 18], limits: "sizes must be known", build: splitUp },
  { op: "Slice", since: [1, 10, 11, 13], limits: "ranges must be known", build: sliceAxes },
  { op: "Tile", since: [6, 13], limits: "repeats must be known", build: tile },
  { op: "Expand", since: [8, 13], limits: "the shape must be known", build: expandTo },
  { op: "Pad", since: [1, 2, 11, 13, 18, 19, 21, 23, 24, 25], limits: "pads and value must be known", build: padAxes },
  { op: "DepthToSpace", since: [1, 11, 13], build: depthToSpace },
  { op: "SpaceToDepth", since: [1, 13], build: spaceToDepth },
];
