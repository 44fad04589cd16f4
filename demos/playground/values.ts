import { randomStream } from "../../src/data/random.ts";
import type { Network, Settings } from "./settings.ts";

/** The values of a layer on the host: weights `[units, inputs]` and biases `[units]`. */
export interface Values {
  readonly weight: Float32Array;
  readonly bias: Float32Array;
}

/** Units of all layers: the inputs, the hidden ones, one output. */
export const sizesOf = ({ features, layers }: Pick<Network, "features" | "layers">): number[] => [
  features.length,
  ...layers,
  1,
];

/** Ten thousandths, so that the values can be printed in full. */
const rounded = (value: number): number => Math.round(10_000 * value) / 10_000;

/**
 * Draws the first values of all layers (Glorot's uniform ones), and keeps those of an earlier network where both have the
 * same unit and input.
 */
export function firstValues(
  settings: Settings,
  kept?: { readonly settings: Settings; readonly values: readonly Values[] },
): Values[] {
  const sizes = sizesOf(settings);
  const oldSizes = kept ? sizesOf(kept.settings) : [];
  return sizes.slice(1).map((units, layer) => {
    const inputs = sizes[layer]!;
    const random = randomStream(settings.seed, -10 - layer);
    const bound = Math.sqrt(6 / (inputs + units));
    const weight = Float32Array.from({ length: units * inputs }, () => rounded(bound * (2 * random.uniform() - 1)));
    const bias = new Float32Array(units);
    // The output's weights belong to the last hidden layer: they stay only while it does.
    const isOutput = layer === sizes.length - 2;
    const old = isOutput === (layer === oldSizes.length - 2) ? kept?.values[layer] : undefined;
    if (!old) return { weight, bias };
    const [oldInputs, oldUnits] = [oldSizes[layer]!, oldSizes[layer + 1]!];
    const oldInput = (i: number): number =>
      layer === 0 ? kept!.settings.features.indexOf(settings.features[i]!) : i < oldInputs ? i : -1;
    for (let unit = 0; unit < Math.min(units, oldUnits); unit++) {
      bias[unit] = old.bias[unit]!;
      for (let i = 0; i < inputs; i++) {
        const from = oldInput(i);
        if (from >= 0) weight[unit * inputs + i] = old.weight[unit * oldInputs + from]!;
      }
    }
    return { weight, bias };
  });
}

/** @param i from 0. @param layers how many there are, with the output. */
export const layerName = (i: number, layers: number): string => (i === layers - 1 ? "output" : `layer${i + 1}`);
