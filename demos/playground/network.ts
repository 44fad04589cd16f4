import {
  abs,
  add,
  losses,
  mul,
  nn,
  optim,
  Random,
  relu,
  sigmoid,
  sum,
  type Tensor,
  tanh,
  type Variable,
} from "../../src/index.ts";
import { taskOf } from "./problems.ts";
import { lossOf, type Network, type Settings } from "./settings.ts";
import { layerName, sizesOf, type Values } from "./values.ts";

/** A layer on the GPU. */
export interface Layer {
  readonly apply: nn.Module;
  readonly weight: Variable<"f32">;
  readonly bias: Variable<"f32">;
}

export function createLayers(settings: Network, values: readonly Values[]): Layer[] {
  const sizes = sizesOf(settings);
  const layers = values.map(({ weight, bias }, i) =>
    nn.linear(sizes[i]!, sizes[i + 1]!, { weightInit: () => weight, biasInit: () => bias }),
  );
  // A model of them, so that variables and kernels have the names of the layers.
  nn.module((x) => x, Object.fromEntries(layers.map((layer, i) => [layerName(i, layers.length), layer])));
  return layers.map((apply) => ({
    apply,
    weight: apply.variables.get("weight") as Variable<"f32">,
    bias: apply.variables.get("bias") as Variable<"f32">,
  }));
}

/** Numbers of the network. */
export type Numbers = Tensor<"f32">;

const activate = { tanh, relu, sigmoid, linear: (x: Numbers): Numbers => x };

/**
 * The values of all layers for points `[points, features]`, each `[points, units]`. The output has no activation.
 * @param dropout of hidden units, in training.
 */
export function forward(
  layers: readonly Layer[],
  x: Numbers,
  { activation }: Network,
  dropout?: (units: Numbers) => Numbers,
): Numbers[] {
  const results: Numbers[] = [];
  for (const [i, { apply }] of layers.entries()) {
    const z = apply(results.at(-1) ?? x) as Numbers;
    if (i === layers.length - 1) return [...results, z];
    const units = activate[activation](z);
    results.push(dropout ? dropout(units) : units);
  }
  return results;
}

/** What a step does to hidden units. The same seed leaves out the same ones. */
export function dropoutOf({ dropout, seed }: Settings): ((units: Numbers) => Numbers) | undefined {
  if (dropout === 0) return undefined;
  const layer = nn.dropout(dropout, new Random(seed));
  return (units) => layer(units, { training: true }) as Numbers;
}

/** What the drawing shows of the output: a value from −1 to 1 for classes. */
export const shown = (output: Numbers, settings: Settings): Numbers =>
  taskOf(settings) === "classification" ? tanh(mul(output, 0.5)) : output;

/** The loss of each point. @param y −1 and 1, or values. */
export function lossesFor(output: Numbers, y: Numbers, settings: Settings): Numbers {
  const each = { reduction: "none" } as const;
  switch (lossOf(settings)) {
    case "logistic":
      return losses.bceWithLogits(output, mul(add(y, 1), 0.5), each);
    case "hinge":
      return losses.hinge(output, y, each);
    case "absolute":
      return losses.l1(output, y, each);
    case "huber":
      return losses.huber(output, y, each);
    case "squared":
      return losses.mse(shown(output, settings), y, each);
  }
}

/** What large weights cost, before the factor. */
export function penaltyOf(layers: readonly Layer[], { penalty }: Network): Numbers | undefined {
  if (penalty === "none") return undefined;
  const cost = ({ weight }: Layer): Numbers => sum(penalty === "l1" ? abs(weight) : mul(weight, weight));
  return layers.map(cost).reduce((a, b) => add(a, b));
}

export function optimizerOf({ optimizer, rate: lr }: Network): optim.Optimizer {
  switch (optimizer) {
    case "adam":
      return optim.adam({ lr });
    case "sgd":
      return optim.sgd({ lr });
    case "momentum":
      return optim.sgd({ lr, momentum: 0.9 });
    case "rmsprop":
      return optim.rmsProp({ lr });
  }
}
