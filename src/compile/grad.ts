import { checkList, DTypeError, ShapeError } from "../errors.ts";
import { reachable } from "../graph/print.ts";
import { floats, showShape } from "../graph/shape.ts";
import { checkTensor, checkTensors, type Tensor } from "../graph/tensor.ts";
import { pullback } from "../ops/pullback.ts";
import { onesLike, zerosLike } from "../ops/sources/constants.ts";

/** The gradients of `W`, each with the dtype of its tensor. */
export type Gradients<W extends readonly Tensor[]> = { -readonly [K in keyof W]: Tensor<W[K]["dtype"]> };

/** Refuses anything but a single floating-point number. */
export function checkLoss(op: string, loss: Tensor): void {
  checkTensor(op, "the loss", loss);
  if (!floats.includes(loss.dtype))
    throw new DTypeError(`${op}: the loss is ${loss.dtype}, expected f32 or f16: whole numbers have no gradient`);
  if (loss.shape.some((n) => n !== 1)) {
    throw new ShapeError(
      `${op}: the loss has shape ${showShape(loss.shape)}, expected a single element: take its sum or mean`,
    );
  }
}

/**
 * Gradients of a scalar with respect to tensors, by reverse accumulation: walks the graph backward from `loss` and
 * appends each node's vector-Jacobian product as new nodes. The result is an ordinary graph and can be differentiated
 * again.
 *
 * @param loss one element, f32 or f16.
 * @param wrt any tensors; those that `loss` does not depend on get zeros.
 * @returns gradients in the order and shapes of `wrt`.
 * @throws ShapeError when `loss` has more than one element; ShapeError or DTypeError that names the op when a gradient
 * differs from its input in shape or dtype.
 */
export function grad<W extends readonly Tensor[]>(loss: Tensor, wrt: readonly [...W]): Gradients<W> {
  checkLoss("grad", loss);
  checkTensors("grad: wrt", ...checkList("grad", "wrt", wrt));
  const gradients = pullback(reachable([loss]), [[loss, onesLike(loss)]], wrt);
  return wrt.map((tensor, i) => gradients[i] ?? zerosLike(tensor)) as Gradients<W>;
}
