import { classes, side } from "./packs.ts";
import type { NetworkName } from "./settings.ts";

/** A layer: what it makes of the result of the one before it. */
export type Layer = {
  readonly name: string;
  /** Maps, height and width of its result; a vector has maps of 1 × 1. */
  readonly shape: readonly [maps: number, height: number, width: number];
} & (
  | { readonly kind: "input" | "relu" | "pool" }
  /** `weights` is the name of its weights and biases, as in PyTorch's `nn.Sequential` of the layers. */
  | { readonly kind: "conv"; readonly weights: string; readonly padding: number }
  | { readonly kind: "dense"; readonly weights: string }
);

/** Height and width of the patch that a convolution sees. */
export const kernel = 5;
/** The same of a pooling. */
export const window = 2;
/** Units of the perceptron's hidden layer. */
const hidden = 128;

const input = { name: "Input", kind: "input", shape: [1, side, side] } as const;

/** The layers of the networks, as the page draws them. Flattening and dropout change nothing there. */
export const anatomy: Readonly<Record<NetworkName, readonly Layer[]>> = {
  cnn: [
    input,
    { name: "Convolution 1", kind: "conv", weights: "0", padding: 2, shape: [8, 28, 28] },
    { name: "ReLU 1", kind: "relu", shape: [8, 28, 28] },
    { name: "Pooling 1", kind: "pool", shape: [8, 14, 14] },
    { name: "Convolution 2", kind: "conv", weights: "3", padding: 0, shape: [16, 10, 10] },
    { name: "ReLU 2", kind: "relu", shape: [16, 10, 10] },
    { name: "Pooling 2", kind: "pool", shape: [16, 5, 5] },
    { name: "Votes", kind: "dense", weights: "7", shape: [classes, 1, 1] },
  ],
  mlp: [
    input,
    { name: "Hidden units", kind: "dense", weights: "0", shape: [hidden, 1, 1] },
    { name: "ReLU", kind: "relu", shape: [hidden, 1, 1] },
    { name: "Votes", kind: "dense", weights: "2", shape: [classes, 1, 1] },
  ],
};

export const sizeOf = ({ shape: [maps, height, width] }: Pick<Layer, "shape">): number => maps * height * width;

/** Weights that each result of a layer has. */
function fanIn(layer: Layer, before: Layer): number {
  return layer.kind === "conv" ? before.shape[0] * kernel ** 2 : sizeOf(before);
}

/** Everything in a network for one image, as it comes from the GPU. */
export interface Inside {
  readonly network: NetworkName;
  /** Results of all layers after the input, one after the other. */
  readonly values: Float32Array;
  /** Weights and biases of all layers that have some, one after the other. */
  readonly weights: Float32Array;
}

/** The result of a layer. @param input what the network was given. */
export function valuesOf({ network, values }: Inside, input: Float32Array, layer: number): Float32Array {
  if (layer === 0) return input;
  const before = anatomy[network].slice(1, layer).reduce((sum, own) => sum + sizeOf(own), 0);
  return values.subarray(before, before + sizeOf(anatomy[network][layer]!));
}

/** Weights `[results, fan-in]` and biases of a layer; undefined if it has none. */
export function weightsOf({ network, weights }: Inside, layer: number) {
  let at = 0;
  for (const [i, own] of anatomy[network].entries()) {
    if (own.kind !== "conv" && own.kind !== "dense") continue;
    const perResult = fanIn(own, anatomy[network][i - 1]!);
    const size = own.shape[0] * perResult;
    if (i === layer)
      return {
        perResult,
        weight: weights.subarray(at, at + size),
        bias: weights.subarray(at + size, at + size + own.shape[0]),
      };
    at += size + own.shape[0];
  }
  return undefined;
}
