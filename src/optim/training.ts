import { AttributeError } from "../errors.ts";
import { floats } from "../graph/shape.ts";
import type { Node, Tensor } from "../graph/tensor.ts";
import { showLayer } from "../layer.ts";

/**
 * Refuses to train through a layer such as dropout that is in evaluation mode by default: usually the model was called
 * without `{ training: true }`. Layers behind `detach` or integers, e.g. a teacher, may be in evaluation.
 * @param name of the caller in errors. @param values a loss, or gradients.
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
    `${name}: the loss goes through ${[...layers].join(", ")} in evaluation mode: call the model as model(x, { training: true }), or, if you do want evaluation, pass { training: false }`,
  );
}
