import { checkList, DTypeError, ShapeError } from "../errors.ts";
import { reachable } from "../graph/print.ts";
import { floats, sameShape, showShape } from "../graph/shape.ts";
import { checkTensor, checkTensors, type Node, type Tensor } from "../graph/tensor.ts";
import { inLayer } from "../layer.ts";
import { add } from "../ops/pointwise/arithmetic.ts";
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
  const nodes = reachable([loss]);
  const targets = new Set<Tensor>(wrt);
  // Walk only nodes on a path from a target to the loss.
  const carries = new Set<Node>();
  for (const node of nodes) {
    if (node.results.some((result) => targets.has(result)) || node.inputs.some((input) => carries.has(input.node))) {
      carries.add(node);
    }
  }
  const gradients = new Map<Tensor, Tensor>([[loss, onesLike(loss)]]);
  for (const node of nodes.reverse()) {
    if (!carries.has(node) || !node.op.vjp) continue;
    const upstream = node.results.map((result) => gradients.get(result));
    if (upstream.every((dy) => dy === undefined)) continue;
    inLayer(node.layer, () => {
      node.op.vjp!(node, upstream).forEach((dx, i) => {
        const x = node.inputs[i]!;
        if (!dx) return;
        checkGradient(node, i, dx);
        if (!carries.has(x.node) || !floats.includes(x.dtype)) return;
        const sum = gradients.get(x);
        gradients.set(x, sum ? add(sum, dx) : dx);
      });
    });
  }
  return wrt.map((tensor) => gradients.get(tensor) ?? zerosLike(tensor)) as Gradients<W>;
}

/**
 * A gradient must match its input in shape and dtype. A mismatch is a bug in the op and would corrupt every earlier
 * gradient.
 */
function checkGradient({ op, inputs }: Node, i: number, dx: Tensor): void {
  const x = inputs[i]!;
  const what = `grad: the gradient of ${op.name} with respect to its input ${i}`;
  if (!sameShape(dx.shape, x.shape)) {
    throw new ShapeError(`${what} has shape ${showShape(dx.shape)}, expected ${showShape(x.shape)}`);
  }
  if (dx.dtype !== x.dtype) throw new DTypeError(`${what} is ${dx.dtype}, expected ${x.dtype}`);
}
