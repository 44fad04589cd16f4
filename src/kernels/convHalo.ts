import { haloTilesOf } from "../../shaders/conv2d.wgsl.ts";
import { type ConvHaloTile, convHaloLanes, convHaloMemory } from "../../shaders/lib/convHalo.ts";
import type { ConvSizes } from "../../shaders/lib/convolution.ts";
import { lineFours } from "../../shaders/lib/halo.ts";
import { bytesPer } from "../graph/shape.ts";
import { unless } from "./choose.ts";
import { busy, cheapest, haloCosts, haloLimits, type KernelSizes, leastHalo, needsLimits, upTo } from "./halo.ts";
import type { AdapterTraits } from "./traits.ts";

/** Rows of a tile. */
const heights = [1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16];

/** Tiles that fit a workgroup. */
function* fitting(p: ConvSizes): Generator<ConvHaloTile> {
  const { outChannels, inChannels, vertical: v, horizontal: h, input } = p;
  const most = Math.ceil(h.positions / 4);
  for (const outFours of [2, 4, 8, 16].filter((n) => n === 2 || 2 * n < outChannels))
    for (const fours of [1, 2])
      for (const wide of [1, 2])
        for (const columns of [1, 2, 4, 7, 8, 14].filter((n) => n % wide === 0 && n - wide < most))
          for (const height of heights.filter((n) => n <= v.positions)) {
            const one = { fours, outFours, wide, columns, height, inChannels: 1 };
            if (convHaloLanes(one) > haloLimits.lanes) continue;
            const room = haloLimits.bytes / (4 * bytesPer(input.dtype) * convHaloMemory(p, one));
            // As many input channels as fit: they share barriers.
            const channels = upTo(16).findLast((n) => n <= room && inChannels % n === 0);
            if (channels) yield { ...one, inChannels: channels };
          }
}

/** What all workgroups cost together, in multiply-adds. */
function costOf(p: ConvSizes, tile: ConvHaloTile): number {
  const { perVec4Shared, perWord, perBarrier, subgroup } = haloCosts;
  const { fours, outFours, wide, inChannels } = tile;
  const { images, groups, outChannels, vertical: v, horizontal: h } = p;
  const lanes = Math.ceil(convHaloLanes(tile) / subgroup) * subgroup;
  const { across, down } = haloTilesOf(p, tile);
  const all = across * down * Math.ceil(outChannels / (4 * outFours)) * images * groups * lanes;
  const products = 16 * fours * wide * h.count;
  const shared = perVec4Shared * (lineFours(p, 4 * wide) + fours * h.count);
  const loads = (perWord * 4 * convHaloMemory(p, tile)) / lanes;
  const each = (p.inChannels / inChannels) * (inChannels * v.count * (products + shared) + loads + perBarrier);
  return Math.max(all, busy) * each;
}

/** The cheapest tile. */
export const convHaloTile = (p: ConvSizes): ConvHaloTile => cheapest(fitting(p), (tile) => costOf(p, tile));

/** Longest rows of kernels, whose products are written out one by one. */
const longestRow = 16;

/** What the smallest tile lacks. */
export function needsConvHalo(problem: KernelSizes, traits: AdapterTraits): string | undefined {
  const [rows, columns] = problem.kernel;
  const fits = columns <= longestRow && 16 * (2 * rows * columns + leastHalo(problem)) <= haloLimits.bytes;
  return (
    unless(fits, `smaller kernels than ${rows} × ${columns}, or such that are less far apart`) ?? needsLimits(traits)
  );
}
