import { haloTilesOf } from "../../shaders/conv2dWeightGrad.wgsl.ts";
import type { Convolution } from "../../shaders/lib/convolution.ts";
import { type HaloTile, haloLanes, haloMemory } from "../../shaders/lib/weightHalo.ts";
import type { WeightGrad } from "../../shaders/lib/weightTile.ts";
import { bytesPer } from "../graph/shape.ts";
import { needsWorkgroup, unless } from "./choose.ts";
import type { AdapterTraits } from "./traits.ts";

/** Limits that WebGPU guarantees, to which tiles are fitted. */
const mostLanes = 256;
const mostBytes = 16384;

/** Most sums of an invocation: more do not fit the registers of many GPUs. */
const mostSums = 72;

/** Most vec4s of output channels per workgroup. */
const mostOutFours = 16;

/** What loads cost, in multiply-adds of an invocation. Estimates. */
const perVec4Shared = 8;
const perWord = 8;
const perBarrier = 64;

/** Multiply-adds at once. */
const subgroup = 32;

type Sizes = Convolution & Pick<WeightGrad, "dy">;

/** What decides whether a tile fits. Pairs are [vertical, horizontal]. */
interface KernelSizes {
  readonly kernel: readonly [number, number];
  readonly stride: readonly [number, number];
  readonly dilation: readonly [number, number];
}

const upTo = (n: number): number[] => Array.from({ length: n }, (_, i) => i + 1);

/** Tiles that fit a workgroup. */
function* fitting(p: Sizes): Generator<HaloTile> {
  const { outChannels, inChannels, vertical: v, horizontal: h, input } = p;
  const outFours = [4, 8].find((n) => 4 * n >= outChannels) ?? mostOutFours;
  for (const rows of new Set([1, v.count]))
    for (const fours of [1, 2]) {
      if (4 * fours * rows * h.count > mostSums) continue;
      const one = { fours, outFours, inChannels: 1, rows, height: 1, columns: 1 };
      const most = Math.min(inChannels, Math.floor(mostLanes / haloLanes(p, one)));
      for (const channels of new Set(upTo(most).map((n) => Math.ceil(inChannels / Math.ceil(inChannels / n)))))
        for (const columns of [1, 2, 4, 8])
          for (const height of upTo(Math.min(8, v.positions))) {
            const tile = { ...one, inChannels: channels, height, columns };
            const memory = haloMemory(p, tile);
            if (4 * bytesPer(input.dtype) * (memory.dy + memory.input) <= mostBytes) yield tile;
          }
    }
}

/** What all workgroups cost together, in multiply-adds. */
function costOf(p: Sizes, tile: HaloTile): number {
  const { fours, rows, height, columns } = tile;
  const { horizontal: h } = p;
  const lanes = Math.ceil(haloLanes(p, tile) / subgroup) * subgroup;
  const [across, down] = haloBlocks(p, tile);
  const memory = haloMemory(p, tile);
  const products = 16 * fours * rows * h.count;
  const shared = perVec4Shared * (4 * fours + rows * Math.ceil((3 * h.stride + (h.count - 1) * h.shift + 1) / 4));
  const loads = (perWord * 4 * (memory.dy + memory.input)) / lanes;
  return (
    across * down * haloTilesOf(p, tile).all * lanes * (height * columns * (products + shared) + loads + perBarrier)
  );
}

/** The cheapest tile. */
export const haloTileOf = (p: Sizes): HaloTile =>
  [...fitting(p)]
    .map((tile) => ({ tile, cost: costOf(p, tile) }))
    .reduce((best, other) => (other.cost < best.cost ? other : best)).tile;

/** Blocks of a gradient, one for each workgroup of a part and group: along input and output channels. */
export const haloBlocks = ({ inChannels, outChannels }: Sizes, tile: HaloTile) =>
  [Math.ceil(inChannels / tile.inChannels), Math.ceil(outChannels / (4 * tile.outFours))] as const;

/** What the smallest tile lacks. */
export function needsHalo({ kernel, stride, dilation }: KernelSizes, traits: AdapterTraits): string | undefined {
  const [rows, columns] = [0, 1].map((axis) => (kernel[axis]! - 1) * dilation[axis]! + 1) as [number, number];
  const vec4s = 4 * mostOutFours + rows * Math.ceil((columns + 3 * stride[1] + 3) / 4);
  return (
    unless(
      kernel[0] * mostOutFours <= mostLanes && 4 * kernel[1] <= mostSums && 16 * vec4s <= mostBytes,
      `kernels of ${mostLanes / mostOutFours} × ${mostSums / 4} elements at most, less if they are far apart`,
    ) ?? needsWorkgroup(traits, mostLanes, mostBytes)
  );
}
