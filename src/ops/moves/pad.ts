import { AttributeError, checkList, counted, optionsOf, ShapeError, show } from "../../errors.ts";
import { checkValue, type DType, showShape } from "../../graph/shape.ts";
import { checkTensors, type Tensor } from "../../graph/tensor.ts";
import { padded } from "./layout.ts";

/** How much is added around a tensor, and between its elements. */
export interface Padding {
  /** Elements added before and after, per axis of `x`. */
  readonly low: readonly number[];
  readonly high: readonly number[];
  /** Elements added between neighbours, per axis; default 0. */
  readonly interior?: readonly number[];
  /** Value of the added elements; default 0. */
  readonly value?: number;
}

/** Adds constant elements around `x` and between its elements. */
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

/** Checks that a list has a count for each axis. */
export function checkPads(op: string, name: string, list: readonly number[], { shape }: Tensor): void {
  if (checkList(op, name, list).length !== shape.length)
    throw new ShapeError(
      `${op}: ${name} has ${counted(list.length, "element")}, expected ${shape.length}, one for each axis of ${showShape(shape)}`,
    );
  const bad = list.find((n) => !Number.isInteger(n) || n < 0);
  if (bad !== undefined) throw new AttributeError(`${op}: ${name} holds ${show(bad)}, expected whole numbers from 0`);
}
