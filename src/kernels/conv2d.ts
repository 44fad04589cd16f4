import { convDirect, convHalo, convNaive, convTiled, haloTilesOf, inputGradNaive } from "../../shaders/conv2d.wgsl.ts";
import type { ConvSizes, Correlation, Taps } from "../../shaders/lib/convolution.ts";
import type { Kernel } from "../../shaders/lib/kernel.ts";
import type { ConvTile } from "../../shaders/lib/patches.ts";
import { tileBytes, tileSide } from "../../shaders/lib/tile.ts";
import { type DType, labelShape, sizeOf } from "../graph/shape.ts";
import { bound, type KernelCall, type Staged, staged } from "./call.ts";
import { choose, type Family, family, named, needsWorkgroup, unless, type Variant, workgroupOf } from "./choose.ts";
import { directDemand, haloDemand, tiledDemand } from "./convDemand.ts";
import { convHaloTile, needsConvHalo } from "./convHalo.ts";
import { busy } from "./halo.ts";
import { type Kernels, type Lowering, upwards, type Work } from "./lowering.ts";
import { type Demand, modelledScore } from "./model.ts";
import type { AdapterTraits } from "./traits.ts";
import { endOf, touched } from "./work.ts";

/** How a kernel moves over an image. Pairs are [vertical, horizontal]. */
export interface Geometry {
  readonly stride: readonly [number, number];
  readonly dilation: readonly [number, number];
  readonly top: number;
  readonly bottom: number;
  readonly left: number;
  readonly right: number;
  readonly groups: number;
}

/** Taps along both axes. */
type Pair = readonly [vertical: Taps, horizontal: Taps];

/** Taps of a convolution, from the sizes of its kernel and result. */
export function forwardTaps(kernel: readonly number[], size: readonly number[], g: Geometry): Pair {
  const along = (axis: 0 | 1): Taps => ({
    count: kernel[axis]!,
    first: 0,
    step: 1,
    stride: g.stride[axis],
    offset: -(axis === 0 ? g.top : g.left),
    shift: g.dilation[axis],
    phase: 0,
    spacing: 1,
    positions: size[axis]!,
  });
  return [along(0), along(1)];
}

const gcd = (a: number, b: number): number => (b === 0 ? a : gcd(b, a % b));

/** Taps of the input's gradient at positions ≡ phase modulo the stride: the kernel elements that contribute there. */
function backwardTaps(kernel: number, size: number, axis: 0 | 1, phase: number, g: Geometry): Taps {
  const [stride, dilation] = [g.stride[axis], g.dilation[axis]];
  const pad = axis === 0 ? g.top : g.left;
  const first = Array.from({ length: Math.min(kernel, stride) }, (_, k) => k).find(
    (k) => (phase + pad - k * dilation) % stride === 0,
  );
  const step = stride / gcd(stride, dilation);
  return {
    count: first === undefined ? 0 : Math.ceil((kernel - first) / step),
    first: first ?? 0,
    step,
    stride: 1,
    offset: first === undefined ? 0 : (phase + pad - first * dilation) / stride,
    shift: (-step * dilation) / stride,
    phase,
    spacing: stride,
    positions: Math.ceil((size - phase) / stride),
  };
}

/** Taps of all phases, from the sizes of the kernel and the gradient. */
function phasesOf(kernel: readonly number[], size: readonly number[], g: Geometry): Pair[] {
  const along = (axis: 0 | 1): Taps[] =>
    Array.from({ length: Math.min(g.stride[axis], size[axis]!) }, (_, phase) =>
      backwardTaps(kernel[axis]!, size[axis]!, axis, phase, g),
    );
  return along(0).flatMap((v) => along(1).map((h) => [v, h] as const));
}

export interface Problem {
  readonly type: DType;
  readonly images: number;
  readonly groups: number;
  /** Input channels per group; output channels likewise. */
  readonly inChannels: number;
  readonly outChannels: number;
  /** Size of the results, and the step between the inputs of neighbouring results. */
  readonly rows: number;
  readonly columns: number;
  readonly stride: readonly [number, number];
  readonly kernel: readonly [height: number, width: number];
  /** The step between the inputs of neighbouring taps. */
  readonly dilation: readonly [number, number];
}

const problemOf = ({ vertical: v, horizontal: h, ...p }: Correlation): Problem => ({
  type: p.input.dtype,
  images: p.images,
  groups: p.groups,
  inChannels: p.inChannels,
  outChannels: p.outChannels,
  rows: v.positions,
  columns: h.positions,
  stride: [v.stride, h.stride],
  kernel: [v.count, h.count],
  dilation: [Math.abs(v.shift), Math.abs(h.shift)],
});

/**
 * A convolution with a problem's sizes, for the choice of a variant. Its padding is that with which positions reach as
 * far as the input.
 */
export function sizesOf({ type, rows, columns, ...p }: Problem): ConvSizes {
  const along = (axis: 0 | 1, positions: number): Taps => ({
    count: p.kernel[axis],
    first: 0,
    step: 1,
    stride: p.stride[axis],
    offset: -Math.floor(((p.kernel[axis] - 1) * p.dilation[axis]) / 2),
    shift: p.dilation[axis],
    phase: 0,
    spacing: 1,
    positions,
  });
  const [vertical, horizontal] = [along(0, rows), along(1, columns)];
  const shape = [p.images, p.groups * p.inChannels, rows * p.stride[0], columns * p.stride[1]];
  return { ...p, vertical, horizontal, input: { dtype: type, shape } };
}

export interface ConvVariant extends Variant<Problem> {
  write(p: Correlation, traits: AdapterTraits, to: Lowering): Kernel | Staged;
  workgroups(p: Correlation, traits: AdapterTraits): readonly [number, number, number];
}

/** Register tiles that cover the results of an image and a group. */
export const blocksOf = ({ vertical: v, horizontal: h, outChannels }: ConvSizes, tile: ConvTile): number =>
  Math.ceil(h.positions / (4 * tile.columns)) * v.positions * Math.ceil(outChannels / tile.channels);

/**
 * The register tile for a problem: eight channels if there are as many, and the cheapest number of columns. More
 * columns need fewer loads per product, but columns past the end of a row are wasted. On a GPU, smaller tiles until
 * there are enough invocations.
 * @param most groups of four columns.
 */
function tileOf(p: ConvSizes, most: number, { cpu }: AdapterTraits): ConvTile {
  const { outChannels, images, groups } = p;
  const { positions } = p.horizontal;
  const channels = [8, 4, 2, 1].find((n) => outChannels >= n && (outChannels % n === 0 || outChannels > 2 * n)) ?? 1;
  const cost = (n: number): number => Math.ceil(positions / (4 * n)) * 4 * n * (1 + 0.25 / n);
  const columns = Array.from({ length: most }, (_, i) => most - i).reduce((best, n) =>
    cost(n) < cost(best) ? n : best,
  );
  const tile = { channels, columns };
  while (!cpu && tile.channels * tile.columns > 4 && blocksOf(p, tile) * images * groups < busy) {
    if (tile.columns > 1) tile.columns = Math.ceil(tile.columns / 2);
    else tile.channels /= 2;
  }
  return tile;
}

/**
 * Longest rows of kernels whose products are written out one by one. A row of 256 makes a text of 120 KB, which takes
 * SwiftShader 35 seconds to compile, one of 64 a few.
 */
const longestRow = 64;

/** Each invocation, or each quad, computes the results of a register tile. */
const direct = (quads: boolean, rules: Pick<ConvVariant, "needs" | "score">): ConvVariant => {
  const tile = (p: ConvSizes, traits: AdapterTraits) => ({ ...tileOf(p, quads ? 8 : 4, traits), quads });
  const sharers = quads ? 4 : 1;
  return {
    name: quads ? "quads" : "direct",
    score: rules.score,
    needs: (problem, traits) =>
      unless(problem.kernel[1] <= longestRow, `kernel rows of ${longestRow} elements at most`) ??
      rules.needs?.(problem, traits),
    write: (p, traits) => convDirect(p, tile(p, traits), workgroupOf(traits)),
    workgroups: (p, traits) => [
      Math.ceil((blocksOf(p, tile(p, traits)) * sharers) / workgroupOf(traits)),
      Math.ceil(p.images / sharers) * p.groups,
      1,
    ],
  };
};

/** What a variant asks of a GPU. */
export function demandOnGpu(variant: "direct" | "halo" | "tiled", problem: Problem, traits: AdapterTraits): Demand {
  const p = sizesOf(problem);
  if (variant === "halo") return haloDemand(p, convHaloTile(p));
  return variant === "tiled" ? tiledDemand(p) : directDemand(p, tileOf(p, 4, traits), workgroupOf(traits));
}

export const overlaps = ({ kernel }: Problem): string | undefined =>
  unless(kernel[0] * kernel[1] > 0, "kernel elements that overlap the input");

/**
 * The family, with an op's definition. Scores for CPU adapters were measured on SwiftShader; lavapipe agrees: for 3×3
 * with 16 to 32 channels, `quads` takes 6 ms, `direct` 13, `tiled` 56. Those for GPUs are modelled.
 */
const familyOf = (definition: (p: Correlation) => Kernel) =>
  family<ConvVariant>("conv2d", "conv2d", [
    {
      name: "naive",
      score: () => -1,
      write: definition,
      workgroups({ end, images, groups, outChannels }) {
        const [rows, cols] = end.places[0]!.shape.slice(2) as [number, number];
        return [Math.ceil(cols / 8), Math.ceil(rows / 8), images * groups * outChannels];
      },
    },
    direct(false, {
      score: (problem, traits) => (traits.cpu ? 1 : modelledScore(demandOnGpu("direct", problem, traits))),
    }),
    direct(true, {
      needs: (_, { features }) => unless(features.has("subgroups"), "subgroups"),
      score: ({ images }, { cpu }) => (cpu ? (1.5 * images) / (4 * Math.ceil(images / 4)) : 0),
    }),
    {
      name: "halo",
      needs: (problem, traits) => overlaps(problem) ?? needsConvHalo(problem, traits),
      // Of a kernel of one element, nothing is shared.
      score: (problem, traits) =>
        traits.cpu || problem.kernel[0] * problem.kernel[1] === 1
          ? 0
          : modelledScore(demandOnGpu("halo", problem, traits)),
      write: (p) => convHalo(p, convHaloTile(p)),
      workgroups(p) {
        const tile = convHaloTile(p);
        const { across, down } = haloTilesOf(p, tile);
        return [across * down, Math.ceil(p.outChannels / (4 * tile.outFours)), p.images * p.groups];
      },
    },
    {
      name: "tiled",
      needs: (problem, traits) => overlaps(problem) ?? needsWorkgroup(traits, 256, tileBytes(tileSide)),
      score: (problem, traits) => (traits.cpu ? 0 : modelledScore(demandOnGpu("tiled", problem, traits))),
      write: convTiled,
      workgroups: ({ outChannels, vertical: v, horizontal: h, images, groups }) => [
        Math.ceil((v.positions * h.positions) / tileSide),
        Math.ceil(outChannels / tileSide),
        images * groups,
      ],
    },
  ]);

export const convFamily = /* @__PURE__ */ familyOf(convNaive);
const inputGradFamily = /* @__PURE__ */ familyOf(inputGradNaive);

/** The parts common to a convolution and the gradient of its input. */
interface Walk extends Pick<Correlation, "outChannels" | "inChannels" | "weightStrides"> {
  readonly family: Family<ConvVariant>;
  /** Taps of the convolution itself, and of each call. */
  readonly forward: Pair;
  readonly phases: readonly Pair[];
}

/** Runs a convolution. */
export const convKernels: Kernels = {
  precision: "half",
  after: true,
  lower(work, to) {
    const { node, inputs } = work;
    const geometry: Geometry = node.attrs["geometry"];
    const [out, inChannels, kh, kw] = inputs[1]!.shape as [number, number, number, number];
    const forward = forwardTaps([kh, kw], node.results[0]!.shape.slice(2), geometry);
    const outChannels = out / geometry.groups;
    const one = inChannels * kh * kw;
    const weightStrides = [outChannels * one, one, kh * kw, kw] as const;
    return correlate(work, to, {
      family: convFamily,
      outChannels,
      inChannels,
      weightStrides,
      forward,
      phases: [forward],
    });
  },
};

/** Runs the gradient of the input: one call per phase of the stride. */
export const convInputGradKernels: Kernels = {
  precision: "half",
  after: true,
  lower(work, to) {
    const { node, inputs } = work;
    const geometry: Geometry = node.attrs["geometry"];
    const [dy, weight] = inputs;
    const [out, outChannels, kh, kw] = weight!.shape as [number, number, number, number];
    const inChannels = out / geometry.groups;
    const one = outChannels * kh * kw;
    return correlate(work, to, {
      family: inputGradFamily,
      outChannels,
      inChannels,
      weightStrides: [inChannels * one, kh * kw, one, kw],
      forward: forwardTaps([kh, kw], dy!.shape.slice(2), geometry),
      phases: phasesOf([kh, kw], node.results[0]!.shape.slice(2), geometry),
    });
  },
};

function correlate(work: Work, to: Lowering, { family, forward, phases, ...walk }: Walk): readonly KernelCall[] {
  const { node } = work;
  const [input, weight] = work.inputs.map((tensor) => to.contiguous(tensor));
  const added = work.added.map((tensor) => upwards(tensor, to));
  const { end, chain, flops, bytes } = endOf(work, to, input!.dtype, added);
  const { shape } = end.places[0]!;
  const { groups }: Geometry = node.attrs["geometry"];
  const along = ([vertical, horizontal]: Pair): Correlation => ({
    ...walk,
    images: shape[0]!,
    groups,
    vertical,
    horizontal,
    input: input!,
    weight: weight!,
    end,
  });
  const calls = phases.map((pair) => {
    const p = along(pair);
    return { p, variant: choose<ConvVariant, Problem>(family, problemOf(p), to.traits) };
  });
  // The definition computes all phases at once.
  const naive = calls.find(({ variant }) => variant.name === "naive")?.variant;
  const all = naive ? [{ p: along(forward), variant: naive }] : calls;
  return all.flatMap(({ p, variant }): readonly KernelCall[] => {
    const { before, kernel } = staged(variant.write(p, to.traits, to));
    const { vertical: v, horizontal: h, images, outChannels, inChannels } = p;
    const products = images * groups * outChannels * inChannels * v.positions * h.positions * v.count * h.count;
    const phase = all.length > 1 ? `/${v.phase},${h.phase}` : "";
    const call: KernelCall = {
      label: `${node.op.name}${labelShape(shape)}*${labelShape(weight!.shape)}${chain}${phase}:${input!.dtype}`,
      ...named(family, variant),
      ...bound(kernel),
      workgroups: variant.workgroups(p, to.traits),
      flops: 2 * products + (flops * sizeOf(shape)) / all.length,
      bytes: (touched(input!) + touched(weight!) + bytes) / all.length,
    };
    return [...before, call];
  });
}
