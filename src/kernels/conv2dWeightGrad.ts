import {
  depthwiseLanes,
  depthwiseRows,
  depthwiseSums,
  haloTilesOf,
  pixelBlock,
  weightGradDepthwise,
  weightGradDirect,
  weightGradHalo,
  weightGradNaive,
  weightGradQuads,
  weightGradTiled,
} from "../../shaders/conv2dWeightGrad.wgsl.ts";
import type { Convolution } from "../../shaders/lib/convolution.ts";
import { alongX } from "../../shaders/lib/grid.wgsl.ts";
import type { Kernel } from "../../shaders/lib/kernel.ts";
import { tileBytes, tileSide } from "../../shaders/lib/tile.ts";
import { haloLanes } from "../../shaders/lib/weightHalo.ts";
import { mostColumns, tilesOf, type WeightGrad, type WeightTile } from "../../shaders/lib/weightTile.ts";
import { bytesPer, type DType, labelShape, sizeOf } from "../graph/shape.ts";
import { bound, type KernelCall, type View } from "./call.ts";
import { choose, family, named, needsWorkgroup, unless, type Variant, workgroupOf } from "./choose.ts";
import { forwardTaps, type Geometry } from "./conv2d.ts";
import { busy } from "./halo.ts";
import type { Kernels, Lowering, Work } from "./lowering.ts";
import { sumCalls } from "./reduce.ts";
import type { AdapterTraits } from "./traits.ts";
import { haloBlocks, haloTileOf, needsHalo } from "./weightHalo.ts";
import { touched } from "./work.ts";

interface Problem {
  readonly type: DType;
  readonly images: number;
  readonly groups: number;
  /** Output channels per group; input channels likewise. */
  readonly outChannels: number;
  readonly inChannels: number;
  readonly kernel: readonly [height: number, width: number];
  /** Size of the forward result. */
  readonly rows: number;
  readonly columns: number;
  readonly stride: readonly [number, number];
  readonly dilation: readonly [number, number];
}

const problemOf = ({ vertical: v, horizontal: h, ...p }: Convolution): Problem => ({
  type: p.input.dtype,
  images: p.images,
  groups: p.groups,
  outChannels: p.outChannels,
  inChannels: p.inChannels,
  kernel: [v.count, h.count],
  rows: v.positions,
  columns: h.positions,
  stride: [v.stride, h.stride],
  dilation: [v.shift, h.shift],
});

type Sizes = Omit<WeightGrad, "parts" | "dw">;

interface WeightGradVariant extends Variant<Problem> {
  /** How many parts the images, or their pixels, are split into. */
  parts(p: Sizes): number;
  write(p: WeightGrad, traits: AdapterTraits): Kernel;
  workgroups(p: WeightGrad, traits: AdapterTraits): readonly [number, number, number];
}

/** Columns of the gradient as a matrix: input channels × kernel elements. */
const columnsOf = ({ inChannels, kernel }: Problem): number => inChannels * kernel[0] * kernel[1];

/** Register tiles of `direct` and `quads`, and their number per part. */
const directTile = ({ outChannels, horizontal: h }: Convolution): WeightTile => ({
  channels: [8, 4, 2, 1].find((n) => outChannels >= n) ?? 1,
  rows: 1,
  columns: Math.min(mostColumns, h.count),
});
const quadTile = ({ outChannels, vertical: v, horizontal: h }: Convolution): WeightTile => ({
  channels: Math.min(4, Math.ceil(outChannels / 4)),
  rows: Math.min(5, v.count),
  columns: Math.min(mostColumns, h.count),
  quads: true,
});
const directTiles = (p: Convolution): number => tilesOf(p, directTile(p)).all;
const quadTiles = (p: Convolution): number => tilesOf(p, quadTile(p)).all;

/**
 * Number of parts that gives every core, or the whole GPU, enough work.
 * @param units what is shared out, such as images: all parts but the last have equally many.
 * @param tiles per part and group.
 */
function partsFor({ groups }: Convolution, units: number, tiles: number, wanted: number): number {
  const most = Math.min(units, Math.max(1, Math.ceil(wanted / (tiles * groups))));
  return Math.ceil(units / Math.ceil(units / most));
}

/** Workgroups of `depthwise` per part and group. */
const kernelsOf = (p: Convolution): number => p.outChannels * Math.ceil(p.vertical.count / depthwiseRows(p));

/** Pixels in all images. */
const pixelsOf = ({ images, vertical: v, horizontal: h }: Convolution): number => images * v.positions * h.positions;

/**
 * Scores for CPU adapters were measured on SwiftShader and hold on lavapipe. There, 5×5 from 8 to 16 channels with 64
 * images of 14×14 takes 2.8 ms in `quads`, 8.2 in `direct`, 70 in `tiled`. Scores for GPUs are estimates.
 */
export const weightGradFamily = /* @__PURE__ */ family<WeightGradVariant>("conv2dWeightGrad", "conv2dWeightGrad", [
  {
    name: "naive",
    score: () => -1,
    parts: () => 1,
    write: weightGradNaive,
    workgroups: ({ dw }) => alongX(sizeOf(dw.shape)),
  },
  {
    name: "direct",
    score: () => 1,
    parts: (p) => partsFor(p, p.images, directTiles(p), 512),
    write: (p, traits) => weightGradDirect(p, directTile(p), workgroupOf(traits)),
    workgroups: (p, traits) => [Math.ceil(directTiles(p) / workgroupOf(traits)), p.groups * p.parts, 1],
  },
  {
    name: "quads",
    needs: (_, { features }) => unless(features.has("subgroups"), "subgroups"),
    score: ({ outChannels }, { cpu }) => (cpu && outChannels >= 4 ? 1.5 : 0.5),
    parts: (p) => partsFor(p, p.images, quadTiles(p), 64),
    write: (p, traits) => weightGradQuads(p, quadTile(p), workgroupOf(traits)),
    workgroups: (p, traits) => [Math.ceil((quadTiles(p) * p.parts * 4) / workgroupOf(traits)), p.groups, 1],
  },
  {
    name: "depthwise",
    needs: ({ inChannels, kernel }, traits) =>
      unless(inChannels === 1, "one input channel per group") ??
      unless(kernel[1] <= depthwiseSums, `kernel rows of ${depthwiseSums} elements at most`) ??
      needsWorkgroup(traits, depthwiseLanes, 4 * depthwiseSums * depthwiseLanes),
    score: (_, { cpu }) => (cpu ? 0 : 1.5),
    parts: (p) => partsFor(p, p.images, kernelsOf(p), 512),
    write: weightGradDepthwise,
    workgroups: (p) => [p.groups * kernelsOf(p), p.parts, 1],
  },
  {
    name: "halo",
    needs: needsHalo,
    // Of small gradients, tiles leave most of a workgroup idle.
    score: (problem, { cpu }) =>
      !cpu && problem.kernel[0] * problem.kernel[1] >= 3 && problem.outChannels * columnsOf(problem) >= 4096 ? 3 : 0,
    parts(p) {
      const tile = haloTileOf(p);
      const [across, down] = haloBlocks(p, tile);
      const tilesOfPart = Math.ceil(pixelBlock / (tile.height * tile.columns * 4));
      return partsFor(p, Math.ceil(haloTilesOf(p, tile).all / tilesOfPart), across * down, busy / haloLanes(p, tile));
    },
    write: (p) => weightGradHalo(p, haloTileOf(p)),
    workgroups: (p) => [...haloBlocks(p, haloTileOf(p)), p.groups * p.parts],
  },
  {
    name: "tiled",
    needs: (_, traits) => needsWorkgroup(traits, 256, tileBytes(tileSide)),
    score: (problem, { cpu }) => (!cpu && problem.outChannels >= 16 && columnsOf(problem) >= 16 ? 2 : 0),
    parts(p) {
      const squares = Math.ceil(p.outChannels / tileSide) * Math.ceil(columnsOf(problemOf(p)) / tileSide);
      return partsFor(p, Math.ceil(pixelsOf(p) / pixelBlock), squares, 256);
    },
    write: weightGradTiled,
    workgroups: (p) => [
      Math.ceil(columnsOf(problemOf(p)) / tileSide),
      Math.ceil(p.outChannels / tileSide),
      p.groups * p.parts,
    ],
  },
]);

/** Runs the gradient of a convolution's weight: in parts, whose gradients are then added. */
export const weightGradKernels: Kernels = {
  precision: "half",
  widens: true,
  lower: weightGradCalls,
};

function weightGradCalls({ node, inputs }: Work, to: Lowering): readonly KernelCall[] {
  const [x, dy] = inputs.map((tensor) => to.contiguous(tensor)) as [View, View];
  const geometry: Geometry = node.attrs["geometry"];
  const dw = to.result(0)!;
  const [out, inChannels, ...kernel] = dw.shape as [number, number, number, number];
  const [vertical, horizontal] = forwardTaps(kernel, dy.shape.slice(2), geometry);
  const { groups } = geometry;
  const p: Convolution = {
    images: x.shape[0]!,
    groups,
    outChannels: out / groups,
    inChannels,
    vertical,
    horizontal,
    input: x,
  };
  const variant = choose<WeightGradVariant, Problem>(weightGradFamily, problemOf(p), to.traits);
  const parts = variant.parts({ ...p, dy });
  const size = sizeOf(dw.shape);
  const place = parts === 1 ? dw : to.scratch("parts of a weight gradient", [parts, size], "f32");
  const split: WeightGrad = { ...p, dy, parts, dw: place };
  const label = `conv2dWeightGrad${labelShape(dw.shape)}`;
  const call: KernelCall = {
    label: `${label}${parts > 1 ? `/${parts}` : ""}:${dw.dtype}`,
    ...named(weightGradFamily, variant),
    ...bound(variant.write(split, to.traits)),
    workgroups: variant.workgroups(split, to.traits),
    flops: 2 * size * p.images * vertical.positions * horizontal.positions,
    bytes: touched(x) + touched(dy) + parts * size * bytesPer(place.dtype),
  };
  if (parts === 1) return [call];
  const kept = { ...place, shape: [size], strides: [1] };
  const folded = { ...place, shape: [parts], strides: [size] };
  return [call, ...sumCalls(label, kept, folded, dw, to)];
}
