import { haloTilesOf } from "../../shaders/conv2dWeightGrad.wgsl.ts";
import type { Convolution } from "../../shaders/lib/convolution.ts";
import { type HaloTile, haloLanes, haloMemory } from "../../shaders/lib/weightHalo.ts";
import type { WeightGrad } from "../../shaders/lib/weightTile.ts";
import { bytesPer } from "../graph/shape.ts";
import { unless } from "./choose.ts";
import { cheapest, haloCosts, haloLimits, type KernelSizes, leastHalo, needsLimits, upTo } from "./halo.ts";
import type { AdapterTraits } from "./traits.ts";

/** Most sums of an invocation: more do not fit the registers of many GPUs. */
const mostSums = 72;

/** Most vec4s of output channels per workgroup. */
const mostOutFours = 16;

type Sizes = Convolution & Pick<WeightGrad, "dy">;

/** Tiles that fit a workgroup. */
function* fitting(p: Sizes): Generator<HaloTile> {
  const { outChannels, inChannels, vertical: v, horizontal: h, input } = p;
  const outFours = [4, 8].find((n) => 4 * n >= outChannels) ?? mostOutFours;
  for (const rows of new Set([1, v.count]))
    for (const fours of [1, 2]) {
      if (4 * fours * rows * h.count > mostSums) continue;
      const one = { fours, outFours, inChannels: 1, rows, height: 1, columns: 1 };
      const most = Math.min(inChannels, Math.floor(haloLimits.lanes / haloLanes(p, one)));
      for (const channels of new Set(upTo(most).map((n) => Math.ceil(inChannels / Math.ceil(inChannels / n)))))
        for (const columns of [1, 2, 4, 8])
          for (const height of upTo(Math.min(8, v.positions))) {
            const tile = { ...one, inChannels: channels, height, columns };
            if (4 * bytesPer(input.dtype) * haloMemory(p, tile) <= haloLimits.bytes) yield tile;
          }
    }
}

/** What all workgroups cost together, in multiply-adds. */
function costOf(p: Sizes, tile: HaloTile): number {
  const { perVec4Shared, perWord, perBarrier, subgroup } = haloCosts;
  const { fours, rows, height, columns } = tile;
  const { horizontal: h } = p;
  const lanes = Math.ceil(haloLanes(p, tile) / subgroup) * subgroup;
  const [across, down] = haloBlocks(p, tile);
  const products = 16 * fours * rows * h.count;
  const shared = perVec4Shared * (4 * fours + rows * Math.ceil((3 * h.stride + (h.count - 1) * h.shift + 1) / 4));
  const loads = (perWord * 4 * haloMemory(p, tile)) / lanes;
  return (
    across * down * haloTilesOf(p, tile).all * lanes * (height * columns * (products + shared) + loads + perBarrier)
  );
}

/** The cheapest tile. */
export const haloTileOf = (p: Sizes): HaloTile => cheapest(fitting(p), (tile) => costOf(p, tile));

/** Blocks of a gradient, one for each workgroup of a part and group: along input and output channels. */
export const haloBlocks = ({ inChannels, outChannels }: Sizes, tile: HaloTile) =>
  [Math.ceil(inChannels / tile.inChannels), Math.ceil(outChannels / (4 * tile.outFours))] as const;

/** What the smallest tile lacks. */
export function needsHalo(problem: KernelSizes, traits: AdapterTraits): string | undefined {
  const [rows, columns] = problem.kernel;
  const fits =
    rows * mostOutFours <= haloLimits.lanes &&
    4 * columns <= mostSums &&
    16 * (4 * mostOutFours + leastHalo(problem)) <= haloLimits.bytes;
  const most = `kernels of ${haloLimits.lanes / mostOutFours} × ${mostSums / 4} elements at most, less if they are far apart`;
  return unless(fits, most) ?? needsLimits(traits);
}
