import { gridOf, workgroupSize } from "../../shaders/lib/grid.wgsl.ts";
import { concat as concatKernel, cumsum as cumsumKernel } from "../../shaders/move.wgsl.ts";
import { DTypeError, ShapeError } from "../errors.ts";
import type { Op, View } from "../graph/op.ts";
import { axisOf, bytesPer, sameShape, showShape, sizeOf } from "../graph/shape.ts";
import { apply, type Tensor } from "../graph/tensor.ts";
import { ge, le, sub, where } from "./arithmetic.ts";
import { zerosLike } from "./constants.ts";
import { bind, touched } from "./fused.ts";
import { iota } from "./random.ts";
import { flip, slice, unsqueeze } from "./views.ts";

const buffer = (view: View) => ({ type: view.dtype, view, length: view.span / bytesPer(view.dtype) });
const without = (shape: readonly number[], axis: number) => shape.filter((_, k) => k !== axis);

const concatOp: Op = {
  name: "concat",
  precision: "operands",
  infer(inputs, { axis }) {
    const [first] = inputs;
    for (const input of inputs) {
      if (input.dtype !== first!.dtype) throw new DTypeError(`concat: ${input.dtype} does not join ${first!.dtype}`);
      if (!sameShape(without(input.shape, axis), without(first!.shape, axis))) {
        throw new ShapeError(
          `concat: ${showShape(input.shape)} does not join ${showShape(first!.shape)} along axis ${axis}`,
        );
      }
    }
    const along = inputs.reduce((total, input) => total + input.shape[axis]!, 0);
    return [{ shape: first!.shape.map((n, k) => (k === axis ? along : n)), dtype: first!.dtype }];
  },
  vjp({ inputs, attrs: { axis } }, [dy]) {
    return dy
      ? split(
          dy,
          axis,
          inputs.map((input) => input.shape[axis]!),
        )
      : [];
  },
  lower({ inputs, attrs: { axis } }, to) {
    const views = inputs.map((input) => to.view(input));
    const out = to.result(0)!;
    const count = sizeOf(out.shape);
    const grid = gridOf(Math.ceil(count / workgroupSize));
    return [
      {
        label: `concat${showShape(out.shape).replaceAll(", ", "x")}:${out.dtype}`,
        family: "concat",
        variant: "direct",
        wgsl: concatKernel({
          type: out.dtype,
          along: out.shape[axis]!,
          inner: sizeOf(out.shape.slice(axis + 1)),
          inputs: views.map((view) => ({ ...buffer(view), along: view.shape[axis]! })),
          output: buffer(out),
          count,
          grid,
        }),
        bindings: [...views.map((view) => bind(view, "read")), bind(out, "read_write")],
        workgroups: [grid.x, grid.y, 1],
        flops: 0,
        bytes: views.reduce((sum, view) => sum + touched(view), count * bytesPer(out.dtype)),
      },
    ];
  },
};

/** Inputs of one concat kernel: together with the result they stay within eight bindings. */
const widest = 7;

/** Joins tensors along an axis that exists. */
export function concat(tensors: readonly Tensor[], axis = 0): Tensor {
  if (tensors.length === 0) throw new ShapeError("concat: no tensors given");
  const at = axisOf("concat", axis, tensors[0]!.shape.length);
  if (tensors.length === 1) return tensors[0]!;
  if (tensors.length <= widest) return apply(concatOp, tensors, { axis: at });
  const parts = Array.from({ length: Math.ceil(tensors.length / widest) }, (_, i) =>
    concat(tensors.slice(i * widest, (i + 1) * widest), at),
  );
  return concat(parts, at);
}

/** Joins tensors of one shape along a new axis. */
export function stack(tensors: readonly Tensor[], axis = 0): Tensor {
  const odd = tensors.find((tensor) => !sameShape(tensor.shape, tensors[0]!.shape));
  if (odd) throw new ShapeError(`stack: ${showShape(odd.shape)} differs from ${showShape(tensors[0]!.shape)}`);
  return concat(
    tensors.map((tensor) => unsqueeze(tensor, axis)),
    axis,
  );
}

/** Cuts an axis into pieces of given sizes, or into pieces of one size of which the last may be shorter. */
export function split(x: Tensor, axis: number, sizes: number | readonly number[]): Tensor[] {
  const at = axisOf("split", axis, x.shape.length);
  const n = x.shape[at]!;
  const list =
    typeof sizes === "number"
      ? Array.from({ length: Math.ceil(n / sizes) }, (_, i) => Math.min(sizes, n - i * sizes))
      : sizes;
  if (list.reduce((sum, size) => sum + size, 0) !== n) {
    throw new ShapeError(
      `split: sizes [${list.join(", ")}] do not add up to ${n}, axis ${at} of ${showShape(x.shape)}`,
    );
  }
  let start = 0;
  return list.map((size) => {
    const ranges = x.shape.map((_, k) => (k === at ? ([start, start + size] as const) : undefined));
    start += size;
    return slice(x, ranges);
  });
}

/** Moves elements along axes; what leaves at one end comes in at the other. */
export function roll(x: Tensor, shifts: number | readonly number[], axes: number | readonly number[]): Tensor {
  const [by, along] = [[shifts].flat(), [axes].flat()];
  if (by.length !== along.length) throw new ShapeError(`roll: ${by.length} shifts for ${along.length} axes`);
  return along.reduce((y, axis, i) => {
    const at = axisOf("roll", axis, y.shape.length);
    const n = y.shape[at]!;
    const shift = ((by[i]! % n) + n) % n;
    return shift === 0 ? y : concat(split(y, at, [n - shift, shift]).reverse(), at);
  }, x);
}

/** Keeps the elements of the last two axes on and below a diagonal. @param diagonal 0 is the main one; positive ones lie above. */
export function tril(x: Tensor, diagonal = 0): Tensor {
  const [row, column] = positions("tril", x);
  return where(le(sub(column, row), diagonal), x, zerosLike(x));
}

/** Keeps the elements of the last two axes on and above a diagonal. */
export function triu(x: Tensor, diagonal = 0): Tensor {
  const [row, column] = positions("triu", x);
  return where(ge(sub(column, row), diagonal), x, zerosLike(x));
}

const positions = (op: string, x: Tensor) =>
  [iota(x.shape, axisOf(op, -2, x.shape.length)), iota(x.shape, axisOf(op, -1, x.shape.length))] as const;

const cumsumOp: Op = {
  name: "cumsum",
  infer: ([x]) => [{ shape: x!.shape, dtype: x!.dtype }],
  vjp: ({ attrs: { axis } }, [dy]) => [dy && flip(cumsum(flip(dy, axis), axis), axis)],
  lower({ inputs: [x], attrs: { axis } }, to) {
    const [view, out] = [to.view(x!), to.result(0)!];
    const along = out.shape[axis]!;
    const count = sizeOf(out.shape) / along;
    const grid = gridOf(Math.ceil(count / workgroupSize));
    return [
      {
        label: `cumsum${showShape(out.shape).replaceAll(", ", "x")}:${out.dtype}`,
        family: "cumsum",
        variant: "direct",
        wgsl: cumsumKernel({
          type: out.dtype,
          along,
          inner: sizeOf(out.shape.slice(axis + 1)),
          input: buffer(view),
          output: buffer(out),
          count,
          grid,
        }),
        bindings: [bind(view, "read"), bind(out, "read_write")],
        workgroups: [grid.x, grid.y, 1],
        flops: count * along,
        bytes: touched(view) + count * along * bytesPer(out.dtype),
      },
    ];
  },
};

/** Running sums along an axis. */
export const cumsum = (x: Tensor, axis: number): Tensor =>
  x.shape.length === 0 ? x : apply(cumsumOp, [x], { axis: axisOf("cumsum", axis, x.shape.length) });
