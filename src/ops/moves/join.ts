import { checkList, checkNumber, counted, ShapeError } from "../../errors.ts";
import { axisOf, type DType, sameShape, showShape } from "../../graph/shape.ts";
import { checkTensors, type Tensor } from "../../graph/tensor.ts";
import { ge, le, sub, where } from "../pointwise/arithmetic.ts";
import { zerosLike } from "../sources/constants.ts";
import { iota } from "../sources/random.ts";
import { concat, split } from "./concat.ts";
import { unsqueeze } from "./views.ts";

/** Stacks tensors of one shape along a new axis, default the first. */
export function stack<D extends DType>(tensors: readonly Tensor<D>[], axis = 0): Tensor<D> {
  checkTensors("stack", ...checkList("stack", "the list of tensors", tensors));
  axisOf("stack", axis, (tensors[0]?.shape.length ?? 0) + 1);
  const odd = tensors.find((tensor) => !sameShape(tensor.shape, tensors[0]!.shape));
  if (odd) throw new ShapeError(`stack: ${showShape(odd.shape)} differs from ${showShape(tensors[0]!.shape)}`);
  return concat(
    tensors.map((tensor) => unsqueeze(tensor, axis)),
    axis,
  );
}

/** Rotates elements along axes: those shifted out at one end re-enter at the other. */
export function roll<D extends DType>(
  x: Tensor<D>,
  shifts: number | readonly number[],
  axes: number | readonly number[],
): Tensor<D> {
  checkTensors("roll", x);
  const [by, along] = [[shifts].flat(), [axes].flat()];
  for (const shift of by) checkNumber("roll", "a shift", shift, "a whole number", Number.isInteger);
  if (by.length !== along.length)
    throw new ShapeError(`roll: ${counted(by.length, "shift")} for ${counted(along.length, "axis", "axes")}`);
  return along.reduce((y, axis, i) => {
    const at = axisOf("roll", axis, y.shape.length);
    const n = y.shape[at]!;
    const shift = ((by[i]! % n) + n) % n;
    return shift === 0 ? y : concat(split(y, at, [n - shift, shift]).reverse(), at);
  }, x);
}

/**
 * Keeps the elements on and below a diagonal of the last two axes; others become 0. @param diagonal 0 is the main one;
 * positive ones are above it.
 */
export function tril<D extends DType>(x: Tensor<D>, diagonal = 0): Tensor<D> {
  const [row, column] = positions("tril", x, diagonal);
  return where(le(sub(column, row), diagonal), x, zerosLike(x));
}

/** Keeps the elements on and above a diagonal of the last two axes; others become 0. */
export function triu<D extends DType>(x: Tensor<D>, diagonal = 0): Tensor<D> {
  const [row, column] = positions("triu", x, diagonal);
  return where(ge(sub(column, row), diagonal), x, zerosLike(x));
}

function positions(op: string, x: Tensor, diagonal: number) {
  checkTensors(op, x);
  checkNumber(op, "diagonal", diagonal, "a whole number", Number.isInteger);
  return [iota(x.shape, axisOf(op, -2, x.shape.length)), iota(x.shape, axisOf(op, -1, x.shape.length))] as const;
}
