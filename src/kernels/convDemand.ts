import { haloTilesOf } from "../../shaders/conv2d.wgsl.ts";
import { type ConvHaloTile, convHaloLanes, convHaloMemory } from "../../shaders/lib/convHalo.ts";
import type { ConvSizes } from "../../shaders/lib/convolution.ts";
import { lineFours } from "../../shaders/lib/halo.ts";
import type { ConvTile } from "../../shaders/lib/patches.ts";
import { partLength, tileSide } from "../../shaders/lib/tile.ts";
import { bytesPer } from "../graph/shape.ts";
import type { Demand } from "./model.ts";

/*
 * What variants of a convolution ask of a GPU, for the model that compares them.
 */

/** What invocations read of an operand in elements, and what is left of that if workgroups read each once. */
interface Reads {
  readonly asked: number;
  readonly shared: number;
}

interface Asked extends Pick<Demand, "local" | "groups" | "invocations"> {
  readonly input: Reads;
  readonly weight: Reads;
  /** Results that are computed, padding included. */
  readonly results: number;
}

function demandOf(p: ConvSizes, { input, weight, results, ...asked }: Asked): Demand {
  const { images, groups, inChannels, outChannels, vertical: v, horizontal: h } = p;
  const size = bytesPer(p.input.dtype);
  const taps = v.count * h.count;
  const stored = size * images * groups * outChannels * v.positions * h.positions;
  const inputBytes = size * p.input.shape.reduce((product, n) => product * n, 1);
  const weightBytes = size * groups * outChannels * inChannels * taps;
  return {
    ...asked,
    flops: 2 * results * inChannels * taps,
    bytes: inputBytes + weightBytes + stored,
    asked: size * (input.asked + weight.asked) + stored,
    operands: [
      { bytes: inputBytes, shared: size * input.shared },
      { bytes: weightBytes, shared: size * weight.shared },
    ],
  };
}

/** Elements of a row of the input that `positions` neighbours meet. */
const stretchOf = ({ stride, shift, count }: ConvSizes["horizontal"], positions: number): number =>
  Math.min(positions * count, (positions - 1) * stride + (count - 1) * Math.abs(shift) + 1);

/** Of a register tile per invocation. A workgroup's are neighbours in a row, and in rows below each other. */
export function directDemand(p: ConvSizes, tile: ConvTile, workgroup: number): Demand {
  const { images, groups, inChannels, outChannels, vertical: v, horizontal: h } = p;
  const across = Math.ceil(h.positions / (4 * tile.columns));
  const each = across * v.positions * Math.ceil(outChannels / tile.channels);
  const invocations = images * groups * each;
  const inGroup = Math.min(workgroup, each);
  const rows = Math.min(v.positions, Math.ceil(inGroup / across));
  const own = inChannels * v.count * stretchOf(h, 4 * tile.columns);
  const together = inChannels * stretchOf(v, rows) * stretchOf(h, Math.min(h.positions, 4 * tile.columns * inGroup));
  const weights = inChannels * v.count * h.count * tile.channels;
  const count = images * groups * Math.ceil(each / workgroup);
  return demandOf(p, {
    input: { asked: invocations * own, shared: count * Math.min(inGroup * own, together) },
    weight: { asked: invocations * weights, shared: count * weights },
    results: invocations * 4 * tile.columns * tile.channels,
    groups: count,
    invocations,
  });
}

/** Of tiles with a halo: each workgroup loads each element once. */
export function haloDemand(p: ConvSizes, tile: ConvHaloTile): Demand {
  const { images, groups, inChannels, outChannels, vertical: v, horizontal: h } = p;
  const { across, down } = haloTilesOf(p, tile);
  const count = across * down * Math.ceil(outChannels / (4 * tile.outFours)) * images * groups;
  const invocations = count * convHaloLanes(tile);
  const steps = inChannels * v.count;
  const weights = 4 * count * steps * h.count * tile.outFours;
  const input = (4 * count * inChannels * convHaloMemory(p, tile)) / tile.inChannels - weights;
  // Neighbours share loads, so half of them.
  const vectors = (steps * (lineFours(p, 4 * tile.wide) + tile.fours * h.count)) / 2;
  return demandOf(p, {
    input: { asked: input, shared: input },
    weight: { asked: weights, shared: weights },
    results: invocations * 16 * tile.fours * tile.wide,
    local: 16 * invocations * vectors,
    groups: count,
    invocations,
  });
}

/** Of a product of the weight and patches in tiles. */
export function tiledDemand(p: ConvSizes): Demand {
  const { images, groups, inChannels, outChannels, vertical: v, horizontal: h } = p;
  const tiles = Math.ceil((v.positions * h.positions) / tileSide) * Math.ceil(outChannels / tileSide);
  const count = images * groups * tiles;
  const steps = partLength(inChannels * v.count * h.count, 1);
  const factor = count * steps * tileSide;
  const rows = Math.min(v.positions, Math.ceil(tileSide / h.positions));
  const met = inChannels * stretchOf(v, rows) * stretchOf(h, Math.min(h.positions, tileSide));
  return demandOf(p, {
    input: { asked: factor, shared: Math.min(factor, count * met) },
    weight: { asked: factor, shared: factor },
    results: count * tileSide ** 2,
    // An invocation loads two vec4s at each step. Half of that, since neighbours share loads.
    local: (count * 256 * steps * 32) / 2,
    groups: count,
    invocations: 256 * count,
  });
}
