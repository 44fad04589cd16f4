import { AttributeError, checkList, optionsOf, ShapeError, show } from "../errors.ts";
import { checkValue, type DType, showShape } from "../graph/shape.ts";
import { checkTensors, type Tensor } from "../graph/tensor.ts";
import { padded } from "./layout.ts";

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
  return padded(x, low, high, between, checkValue("pad", "value", value, "f32"));
}

/** Refuses what does not say a number of elements for each axis. */
export function checkPads(op: string, name: string, list: readonly number[], { shape }: Tensor): void {
  if (checkList(op, name, list).length !== shape.length)
    throw new ShapeError(`${op}: ${name} names ${list.length} axes, ${showShape(shape)} has ${shape.length}`);
  const bad = list.find((n) => !Number.isInteger(n) || n < 0);
  if (bad !== undefined) throw new AttributeError(`${op}: ${name} holds ${show(bad)}, expected whole numbers from 0`);
}
