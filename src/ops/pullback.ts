import { DTypeError, ShapeError } from "../errors.ts";
import { reachable } from "../graph/print.ts";
import { floats, sameShape, showShape } from "../graph/shape.ts";
import { inGradientOf, type Node, type Tensor } from "../graph/tensor.ts";
import { inLayer } from "../layer.ts";
import { add } from "./pointwise/arithmetic.ts";

/**
 * Reverse accumulation: walks back over `nodes` and adds each node's vector-Jacobian product as new nodes.
 * @param nodes inputs before users.
 * @param results what is differentiated, and the gradients with respect to them; undefined ones are 0.
 * @returns gradients with respect to `wrt`; undefined where the results do not depend on it.
 * @throws ShapeError or DTypeError that names the op when a gradient differs from its input in shape or dtype.
 */
export function pullback(
  nodes: readonly Node[],
  results: Iterable<readonly [result: Tensor, gradient: Tensor | undefined]>,
  wrt: readonly Tensor[],
): (Tensor | undefined)[] {
  const targets = new Set(wrt);
  // Walk only nodes on a path from a target to the results.
  const carries = new Set<Node>();
  const depends = (x: Tensor): boolean => targets.has(x) || carries.has(x.node);
  for (const node of nodes) if (node.inputs.some(depends)) carries.add(node);
  const gradients = new Map<Tensor, Tensor>();
  for (const [result, gradient] of results) if (gradient) gradients.set(result, gradient);
  for (const node of nodes.toReversed()) {
    if (!carries.has(node) || !node.op.vjp) continue;
    const upstream = node.results.map((result) => gradients.get(result));
    if (upstream.every((dy) => dy === undefined)) continue;
    const visit = (): void => {
      node.op.vjp!(node, upstream).forEach((dx, i) => {
        const x = node.inputs[i]!;
        if (!dx) return;
        checkGradient(node, i, dx);
        if (!depends(x) || !floats.includes(x.dtype)) return;
        const sum = gradients.get(x);
        gradients.set(x, sum ? add(sum, dx) : dx);
      });
    };
    inLayer(node.layer, () => inGradientOf(node, visit));
  }
  return wrt.map((tensor) => gradients.get(tensor));
}

/**
 * Gradients with respect to the inputs of a formula made of ordinary ops: for an op whose kernel has no gradient of its
 * own. The inputs count as independent, even where one is computed from another.
 */
export function pullbackOf(
  inputs: readonly Tensor[],
  results: readonly Tensor[],
  gradients: readonly (Tensor | undefined)[],
): (Tensor | undefined)[] {
  const before = new Set(reachable(inputs));
  const own = reachable(results).filter((node) => !before.has(node));
  return pullback(
    own,
    results.map((result, i) => [result, gradients[i]] as const),
    inputs,
  );
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
