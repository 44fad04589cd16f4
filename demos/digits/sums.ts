import { anatomy, type Inside, kernel, sizeOf, valuesOf, weightsOf, window } from "./anatomy.ts";

/** A result of a layer: one pixel of one of its maps. */
export interface Place {
  readonly layer: number;
  readonly map: number;
  readonly y: number;
  readonly x: number;
}

/** What one map contributes: its patch, the weights for it, and the sum of their products. */
export interface Part {
  readonly patch: readonly number[];
  readonly weights: readonly number[];
  /** Values in a row of both. */
  readonly width: number;
  readonly sum: number;
}

/** A rectangle of pixels, the same in all maps of a layer or in one. */
export interface Patch {
  readonly layer: number;
  /** Undefined for all maps. */
  readonly map: number | undefined;
  readonly top: number;
  readonly left: number;
  readonly height: number;
  readonly width: number;
}

/** How a result came about. */
export interface Explanation {
  readonly kind: "conv" | "dense" | "pool";
  /** Where the numbers come from. */
  readonly from: Patch;
  /** One for each map that it comes from; of a pooling, one without weights. */
  readonly parts: readonly Part[];
  readonly bias: number;
  /** Sum of the parts and the bias in float64; of a pooling, the largest of its patch. */
  readonly total: number;
  /** The same as the GPU computed it. */
  readonly computed: number;
  /** What the ReLU behind it made of it on the GPU, if there is one. */
  readonly activated: number | undefined;
}

const indices = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

const product = (patch: readonly number[], weights: readonly number[]): number =>
  patch.reduce((sum, value, i) => sum + value * weights[i]!, 0);

/** Explains a result; that of a ReLU by what it was applied to. @param input what the network was given. */
export function explain(inside: Inside, input: Float32Array, place: Place): Explanation {
  const layers = anatomy[inside.network];
  const isRelu = layers[place.layer]!.kind === "relu";
  const layer = isRelu ? place.layer - 1 : place.layer;
  const own = layers[layer]!;
  const before = layers[layer - 1]!;
  const [maps, height, width] = before.shape;
  const { map, y, x } = place;
  const at = (map * own.shape[1] + y) * own.shape[2] + x;
  const source = valuesOf(inside, input, layer - 1);
  const computed = valuesOf(inside, input, layer)[at]!;
  const activated = layers[layer + 1]?.kind === "relu" ? valuesOf(inside, input, layer + 1)[at]! : undefined;
  const pixel = (map: number, y: number, x: number): number =>
    y < 0 || x < 0 || y >= height || x >= width ? 0 : source[(map * height + y) * width + x]!;

  if (own.kind === "pool") {
    const [top, left] = [window * y, window * x];
    const patch = indices(window ** 2).map((i) => pixel(map, top + Math.floor(i / window), left + (i % window)));
    const total = Math.max(...patch);
    const from = { layer: layer - 1, map, top, left, height: window, width: window };
    return {
      kind: "pool",
      from,
      parts: [{ patch, weights: [], width: window, sum: total }],
      bias: 0,
      total,
      computed,
      activated,
    };
  }

  const { weight, bias, perResult } = weightsOf(inside, layer)!;
  const weights = weight.subarray(map * perResult, (map + 1) * perResult);
  const explained = (
    kind: "conv" | "dense",
    from: Patch,
    patchOf: (part: number) => number[],
    count: number,
    wide: number,
  ) => {
    const size = perResult / count;
    const parts = indices(count).map((part) => {
      const patch = patchOf(part);
      const own = Array.from(weights.subarray(part * size, (part + 1) * size));
      return { patch, weights: own, width: wide, sum: product(patch, own) };
    });
    const total = parts.reduce((sum, part) => sum + part.sum, bias[map]!);
    return { kind, from, parts, bias: bias[map]!, total, computed, activated };
  };
  if (own.kind === "conv") {
    const [top, left] = [y - own.padding, x - own.padding];
    const patch = (part: number) =>
      indices(kernel ** 2).map((i) => pixel(part, top + Math.floor(i / kernel), left + (i % kernel)));
    const from = { layer: layer - 1, map: undefined, top, left, height: kernel, width: kernel };
    return explained("conv", from, patch, maps, kernel);
  }
  const from = { layer: layer - 1, map: undefined, top: 0, left: 0, height, width };
  // A vector is drawn as one map.
  const count = height * width === 1 ? 1 : maps;
  const size = sizeOf(before) / count;
  const patch = (part: number) => Array.from(source.subarray(part * size, (part + 1) * size));
  return explained("dense", from, patch, count, width === 1 ? columnsOf(maps) : width);
}

/** Columns in which a vector is drawn. */
export const columnsOf = (length: number): number => (length > 16 ? 16 : 1);

/** A number with a proper minus. */
export const signed = (value: number, places = 3): string =>
  value
    .toFixed(places)
    .replace(/^-(?=.*[1-9])/, "−")
    .replace("-", "");
