import { AttributeError, checkList, optionsOf, ShapeError, show } from "../errors.ts";
import { checkValue, type DType, showShape } from "../graph/shape.ts";
import { apply, checkTensors, type Node, type Op, type Tensor } from "../graph/tensor.ts";
import { padKernels } from "../kernels/pad.ts";
import { concat } from "./concat.ts";
import { slice } from "./views.ts";

const padOp: Op = {
  name: "pad",
  infer: ([x], { low, high, interior }) => [
    {
      shape: x!.shape.map((n, axis) => low[axis] + high[axis] + n + (n - 1) * interior[axis]),
      dtype: x!.dtype,
    },
  ],
  vjp({ inputs: [x], attrs: { low, interior } }, [dy]) {
    return [
      dy &&
        slice(
          dy,
          x!.shape.map((n, axis) => [low[axis], low[axis] + (n - 1) * (interior[axis] + 1) + 1, interior[axis] + 1]),
        ),
    ];
  },
  plus(a, b) {
    const axis = a.results[0]!.shape.findIndex((_, k) => a.attrs["low"][k] + a.attrs["high"][k] > 0);
    const isPiece = ({ attrs: { low, high, interior, value } }: Node) =>
      value === 0 &&
      interior.every((n: number) => n === 0) &&
      low.every((n: number, k: number) => k === axis || n + high[k] === 0);
    if (!isPiece(a) || !isPiece(b)) return undefined;
    const [first, second] = a.attrs["low"][axis] < b.attrs["low"][axis] ? [a, b] : [b, a];
    const [x, y] = [first.inputs[0]!, second.inputs[0]!];
    if (first.attrs["low"][axis] + x.shape[axis]! !== second.attrs["low"][axis]) return undefined;
    // Pieces that are joined already are joined anew with the next: so a long row of them needs few levels of joining.
    const pieces = (tensor: Tensor): readonly Tensor[] =>
      tensor.node.op.name === "concat" && tensor.node.attrs["axis"] === axis
        ? tensor.node.inputs.flatMap(pieces)
        : [tensor];
    return pad(concat([...pieces(x), ...pieces(y)], axis), { low: first.attrs["low"], high: second.attrs["high"] });
  },
  kernels: padKernels,
};

export interface Padding {
  /** Elements added before and behind, per axis of `x`. */
  readonly low: readonly number[];
  readonly high: readonly number[];
  /** Elements added between neighbours, per axis; default none. */
  readonly interior?: readonly number[];
  /** What they hold, default 0. */
  readonly value?: number;
}

/** Surrounds `x` with constant values, and puts some between its elements. */
export function pad<D extends DType>(x: Tensor<D>, padding: Padding): Tensor<D> {
  checkTensors("pad", x);
  const { low, high, interior, value } = optionsOf("pad", padding, {
    low: undefined,
    high: undefined,
    interior: undefined,
    value: 0,
  });
  const between = interior === undefined ? x.shape.map(() => 0) : interior;
  for (const [name, list] of Object.entries({ low, high, interior: between })) checkPads("pad", name, list, x);
  if ([...low, ...high, ...between].every((n) => n === 0)) return x;
  return apply(padOp, [x], {
    low: [...low],
    high: [...high],
    interior: [...between],
    value: checkValue("pad", "value", value, "f32"),
  });
}

/** Refuses what does not say a number of elements for each axis. */
export function checkPads(op: string, name: string, list: readonly number[], { shape }: Tensor): void {
  if (checkList(op, name, list).length !== shape.length)
    throw new ShapeError(`${op}: ${name} names ${list.length} axes, ${showShape(shape)} has ${shape.length}`);
  const bad = list.find((n) => !Number.isInteger(n) || n < 0);
  if (bad !== undefined) throw new AttributeError(`${op}: ${name} holds ${show(bad)}, expected whole numbers from 0`);
}
