import { AttributeError } from "../errors.ts";
import { floats } from "../graph/shape.ts";
import type { Node, Tensor } from "../graph/tensor.ts";
import { showLayer } from "../layer.ts";

/**
 * Refuses to train on what a layer such as dropout gave in evaluation mode by default: as a rule a model that was called
 * without `{ training: true }`. What stands behind `detach` or whole numbers, a teacher say, may be in evaluation.
 * @param name who trains. @param values a loss, or gradients.
 * @throws AttributeError that names the layers.
 */
export function checkTraining(name: string, values: readonly Tensor[]): void {
  const seen = new Set<Node>();
  const stack = [...values];
  while (stack.length > 0) {
    const { node, dtype } = stack.pop()!;
    if (seen.has(node) || node.op.name === "detach" || !floats.includes(dtype)) continue;
    seen.add(node);
    stack.push(...node.inputs);
  }
  const notes = [...seen].filter(({ op }) => op.name === "evaluated").sort((a, b) => a.id - b.id);
  if (notes.length === 0) return;
  const layers = new Set(notes.map(({ attrs, layer }) => attrs["layer"] + showLayer(layer)));
  throw new AttributeError(
    `${name}: the loss goes through ${[...layers].join(", ")} in evaluation mode: call the model as model(x, { training: true }), or say { training: false } where evaluation is meant`,
  );
}
