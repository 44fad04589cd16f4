import { flatten, maxPool2d, nn, type Random, relu, type Tensor, type Variable } from "../../src/index.ts";
import { anatomy, kernel, sizeOf, window } from "./anatomy.ts";
import type { NetworkName } from "./settings.ts";

export type Numbers = Tensor<"f32">;

/** A network that can show the result of every layer. */
export interface Network {
  readonly name: NetworkName;
  /** Named as in PyTorch's `nn.Sequential` of the same layers. */
  readonly variables: ReadonlyMap<string, Variable>;
  /** Of its dropout. */
  readonly random: Random;
  /** Results of all layers after the input for images `[n, 1, 28, 28]`. The last are the votes `[n, 10]`. */
  results(x: Numbers, mode: nn.Mode): readonly Numbers[];
}

/** @param dropout share of the last layer's inputs that each step of the training leaves out. */
export function createNetwork(name: NetworkName, dropout: number, seed: number): Network {
  nn.seed(seed);
  const layers = anatomy[name];
  const weighted = layers.flatMap((layer, i): [string, nn.Module][] => {
    const before = layers[i - 1]!;
    if (layer.kind === "conv")
      return [[layer.weights, nn.conv2d(before.shape[0], layer.shape[0], kernel, { padding: layer.padding })]];
    return layer.kind === "dense" ? [[layer.weights, nn.linear(sizeOf(before), layer.shape[0])]] : [];
  });
  const modules = Object.fromEntries(weighted);
  const drop = nn.dropout(dropout);
  return {
    name,
    variables: nn.stateDict(modules),
    random: nn.random(),
    results(x, mode) {
      const results: Numbers[] = [];
      for (const layer of layers.slice(1)) {
        const before = results.at(-1) ?? x;
        const isLast = results.length === layers.length - 2;
        if (layer.kind === "conv") results.push(modules[layer.weights]!(before));
        else if (layer.kind === "dense") {
          const all = flatten(before);
          results.push(modules[layer.weights]!(isLast ? drop(all, mode) : all));
        } else results.push(layer.kind === "relu" ? relu(before) : maxPool2d(before, window));
      }
      return results;
    },
  };
}
