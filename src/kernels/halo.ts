import { needsWorkgroup } from "./choose.ts";
import type { AdapterTraits } from "./traits.ts";

/*
 * What the choices of tiles have in common for kernels that keep part of an image and its halo in workgroup memory.
 */

/** Fewest invocations that fill a GPU. */
export const busy = 2 ** 16;

/** Limits that WebGPU guarantees, to which tiles are fitted. */
export const haloLimits = { lanes: 256, bytes: 16384 } as const;

/** What loads cost, in multiply-adds of an invocation, and multiply-adds at once. Estimates. */
export const haloCosts = { perVec4Shared: 8, perWord: 8, perBarrier: 64, subgroup: 32 } as const;

export const upTo = (n: number): number[] => Array.from({ length: n }, (_, i) => i + 1);

/** The cheapest of some tiles. */
export const cheapest = <T>(tiles: Iterable<T>, costOf: (tile: T) => number): T =>
  [...tiles]
    .map((tile) => ({ tile, cost: costOf(tile) }))
    .reduce((best, other) => (other.cost < best.cost ? other : best)).tile;

/** What decides whether a tile fits. Pairs are [vertical, horizontal]. */
export interface KernelSizes {
  readonly kernel: readonly [number, number];
  readonly stride: readonly [number, number];
  readonly dilation: readonly [number, number];
}

/** vec4s that the smallest tile takes of the input, one position high and four wide. */
export function leastHalo({ kernel, stride, dilation }: KernelSizes): number {
  const [rows, columns] = [0, 1].map((axis) => (kernel[axis]! - 1) * dilation[axis]! + 1) as [number, number];
  return rows * Math.ceil((columns + 3 * stride[1] + 3) / 4);
}

/** The guaranteed limits that an adapter does not reach. */
export const needsLimits = (traits: AdapterTraits): string | undefined =>
  needsWorkgroup(traits, haloLimits.lanes, haloLimits.bytes);
