import { randomStream } from "../../src/data/random.ts";
import {
  abs,
  add,
  linear,
  losses,
  mul,
  optim,
  relu,
  sigmoid,
  sum,
  type Tensor,
  tanh,
  type Variable,
  variable,
} from "../../src/index.ts";
import { taskOf } from "./problems.ts";
import { lossOf, type Settings } from "./settings.ts";

/** Weights `[units, inputs]` and biases `[units]` on the GPU. */
export interface Layer {
  readonly weight: Variable<"f32">;
  readonly bias: Variable<"f32">;
}

/** The values of a layer on the host. */
export interface Values {
  readonly weight: Float32Array;
  readonly bias: Float32Array;
}

/** Units of all layers: two inputs, the hidden ones, one output. */
export const sizesOf = ({ layers }: Settings): number[] => [2, ...layers, 1];

/**
 * Draws the first values of all layers (Glorot's uniform ones), and keeps those of an earlier network where both have the
 * same unit and input.
 */
export function firstValues(
  settings: Settings,
  kept?: { readonly sizes: readonly number[]; readonly values: readonly Values[] },
): Values[] {
  const sizes = sizesOf(settings);
  return sizes.slice(1).map((units, layer) => {
    const inputs = sizes[layer]!;
    const random = randomStream(settings.seed, 10 + layer);
    const bound = Math.sqrt(6 / (inputs + units));
    const weight = Float32Array.from({ length: units * inputs }, () => bound * (2 * random.uniform() - 1));
    const bias = new Float32Array(units);
    // The output's weights belong to the last hidden layer: they stay only while it does.
    const isOutput = layer === sizes.length - 2;
    const old = isOutput === (layer === (kept?.sizes.length ?? 0) - 2) ? kept?.values[layer] : undefined;
    if (old) {
      const [oldInputs, oldUnits] = [kept!.sizes[layer]!, kept!.sizes[layer + 1]!];
      for (let unit = 0; unit < Math.min(units, oldUnits); unit++) {
        bias[unit] = old.bias[unit]!;
        for (let i = 0; i < Math.min(inputs, oldInputs); i++)
          weight[unit * inputs + i] = old.weight[unit * oldInputs + i]!;
      }
    }
    return { weight, bias };
  });
}

export function createLayers(settings: Settings, values: readonly Values[]): Layer[] {
  const sizes = sizesOf(settings);
  return values.map(({ weight, bias }, i) => ({
    weight: variable(weight, [sizes[i + 1]!, sizes[i]!], { name: `${i}.weight` }),
    bias: variable(bias, [sizes[i + 1]!], { name: `${i}.bias` }),
  }));
}

/** Numbers of the network. */
export type Numbers = Tensor<"f32">;

const activate = { tanh, relu, sigmoid, linear: (x: Numbers): Numbers => x };

/** The values of all layers for points `[points, 2]`, each `[points, units]`. The output has no activation. */
export function forward(layers: readonly Layer[], x: Numbers, { activation }: Settings): Numbers[] {
  const results: Numbers[] = [];
  for (const [i, { weight, bias }] of layers.entries()) {
    const z = linear(results.at(-1) ?? x, weight, bias);
    results.push(i < layers.length - 1 ? activate[activation](z) : z);
  }
  return results;
}

/** What the drawing shows of the output: a value from −1 to 1 for classes. */
export const shown = (output: Numbers, { problem }: Settings): Numbers =>
  taskOf(problem) === "classification" ? tanh(mul(output, 0.5)) : output;

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
export function penaltyOf(layers: readonly Layer[], { penalty }: Settings): Numbers | undefined {
  if (penalty === "none") return undefined;
  const cost = ({ weight }: Layer): Numbers => sum(penalty === "l1" ? abs(weight) : mul(weight, weight));
  return layers.map(cost).reduce((a, b) => add(a, b));
}

export function optimizerOf({ optimizer, rate: lr }: Settings): optim.Optimizer {
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
