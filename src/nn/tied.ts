import { optionsOf, refuse, ShapeError } from "../errors.ts";
import { showShape } from "../graph/shape.ts";
import { Variable } from "../graph/tensor.ts";
import { linear as linearOp } from "../ops/network/matmul.ts";
import { variable } from "../ops/sources/constants.ts";
import { type Module, module } from "./module.ts";

/**
 * A linear layer that shares the weight of another: `[…, size]` → `[…, count]`, with the `weight` `[count, size]` of an
 * embedding or a linear layer (Press & Wolf, 2017). One variable serves both, so its gradient is the sum of both uses.
 * A state dict holds it under both names, as PyTorch's does, and `loadSafetensors` takes both or one of them.
 * @param layer whose weight to share. @param options `bias`, default false; it starts at 0.
 */
export function tiedLinear(layer: Pick<Module, "variables">, options: { readonly bias?: boolean } = {}): Module {
  const op = "nn.tiedLinear";
  const { bias } = optionsOf(op, options, { bias: false });
  const weight = layer?.variables instanceof Map ? layer.variables.get("weight") : undefined;
  if (!(weight instanceof Variable)) return refuse(op, "the layer", layer, 'a module with a variable "weight"');
  if (weight.shape.length !== 2)
    throw new ShapeError(`${op}: the weight is ${showShape(weight.shape)}, expected [count, size]`);
  const shift = bias ? variable(0, [weight.shape[0]!], { name: "bias" }) : undefined;
  const parts = { weight, ...(shift && { bias: shift }) };
  return module((x) => linearOp(x, weight, shift), parts, op, [layer, { bias }]);
}
