import { features } from "./features.ts";
import type { Unit } from "./session.ts";
import type { Network } from "./settings.ts";

/** What the page calls a unit of a layer. */
export function nameOf({ layer, unit }: Unit, { layers, features: inputs }: Network): string {
  if (layer === 0) return `Input ${features[inputs[unit]!]?.label ?? ""}`;
  return layer > layers.length ? "Output" : `Unit ${unit + 1} of layer ${layer}`;
}

/** Names of what settings can be. */
export const names: Readonly<Record<string, string>> = {
  xor: "XOR",
  rings: "Rings",
  gaussians: "Gaussians",
  spiral: "Spiral",
  slope: "Slope",
  hills: "Hills",
  own: "Your own points",
  tanh: "tanh",
  relu: "ReLU",
  sigmoid: "Sigmoid",
  linear: "Linear",
  adam: "Adam",
  sgd: "SGD",
  momentum: "SGD, momentum",
  rmsprop: "RMSProp",
  constant: "Constant",
  halving: "Halved every 50 epochs",
  decay: "1 % less each epoch",
  cosine: "Cosine over 100 epochs",
  warmup: "Warm-up of 10 epochs",
  none: "None",
  l1: "L1",
  l2: "L2",
  logistic: "Cross-entropy",
  hinge: "Hinge",
  squared: "Squared",
  absolute: "Absolute",
  huber: "Huber",
  step: "A step a frame",
  epoch: "An epoch a frame",
  full: "Full speed",
};

export const named = <T extends string | number>(values: readonly T[]) =>
  values.map((value) => [value, names[String(value)] ?? String(value)] as const);
