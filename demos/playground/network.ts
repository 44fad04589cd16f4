import {
  abs,
  add,
  linear,
  losses,
  lt,
  mul,
  optim,
  Random,
  relu,
  sigmoid,
  sum,
  type Tensor,
  tanh,
  type Variable,
  variable,
  where,
} from "../../src/index.ts";
import { inLayer } from "../../src/layer.ts";
import { taskOf } from "./problems.ts";
import { lossOf, type Network, type Settings } from "./settings.ts";
import { layerName, sizesOf, type Values } from "./values.ts";

/** A layer on the GPU: weights `[units, inputs]` and biases `[units]`. */
export interface Layer {
  readonly name: string;
  readonly weight: Variable<"f32">;
  readonly bias: Variable<"f32">;
}

export function createLayers(settings: Network, values: readonly Values[]): Layer[] {
  const sizes = sizesOf(settings);
  return values.map(({ weight, bias }, i) => {
    const name = layerName(i, values.length);
    return {
      name,
      weight: variable(weight, [sizes[i + 1]!, sizes[i]!], { name: `${name}.weight` }),
      bias: variable(bias, [sizes[i + 1]!], { name: `${name}.bias` }),
    };
  });
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
  for (const [i, { name, weight, bias }] of layers.entries()) {
    const apply = (): Numbers => {
      const z = linear(results.at(-1) ?? x, weight, bias);
      if (i === layers.length - 1) return z;
      const units = activate[activation](z);
      return dropout ? dropout(units) : units;
    };
    // Kernels carry the names of their layers.
    results.push(inLayer(name, apply));
  }
  return results;
}

/** What a step does to hidden units, as `nn.dropout` does. The same seed leaves out the same ones. */
export function dropoutOf({ dropout, seed }: Settings): ((units: Numbers) => Numbers) | undefined {
  if (dropout === 0) return undefined;
  const random = new Random(seed);
  return (units) => where(lt(random.uniform(units.shape), dropout), 0, mul(units, 1 / (1 - dropout)));
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
