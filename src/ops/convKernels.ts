import {
  type CorrelateParams,
  type CorrelateShape,
  correlateDirect,
  correlateTiled,
  type Taps,
} from "../../shaders/conv2d.wgsl.ts";
import {
  quadUnits,
  type WeightGradParams,
  weightGradDirect,
  weightGradQuads,
  weightGradTiled,
} from "../../shaders/conv2dWeightGrad.wgsl.ts";
import { legacy } from "../../shaders/lib/legacy.ts";
import { tileBytes, tileSide } from "../../shaders/lib/tile.wgsl.ts";
import type { Scalar } from "../../shaders/lib/view.wgsl.ts";
import { flopsOf, identity, nameOf } from "../graph/program.ts";
import { bytesPer, labelShape, sizeOf } from "../graph/shape.ts";
import type { Node, PointwiseProgram } from "../graph/tensor.ts";
import { bind, type KernelCall, lengthOf } from "../kernels/call.ts";
import { choose, needsWorkgroup, unless, type Variant, workgroupOf } from "../kernels/choose.ts";
import { ending, ends } from "../kernels/legacy.ts";
import type { Lowering } from "../kernels/lowering.ts";
import { sumCalls } from "../kernels/reduce.ts";
import type { AdapterTraits } from "../kernels/traits.ts";
import { touched } from "../kernels/work.ts";
import type { Geometry } from "./conv.ts";

const axes = [0, 1] as const;

/** Taps of the forward pass along one axis. */
function forwardTaps(kernel: number, positions: number, axis: 0 | 1, g: Geometry): Taps {
  const offset = -(axis === 0 ? g.top : g.left);
  return {
    count: kernel,
    first: 0,
    step: 1,
    stride: g.stride[axis],
    offset,
    shift: g.dilation[axis],
    phase: 0,
    spacing: 1,
    positions,
  };
}

const gcd = (a: number, b: number): number => (b === 0 ? a : gcd(b, a % b));

/** Taps of the gradient of the input for the positions ≡ phase modulo the stride: those kernel elements whose position divides. */
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

interface Problem {
  readonly type: Scalar;
  readonly images: number;
  readonly groups: number;
  /** Per group, as are the output channels. */
  readonly inChannels: number;
  readonly outChannels: number;
  /** Of the results, and of the distance between the inputs that they start from. */
  readonly rows: number;
  readonly columns: number;
  readonly stride: readonly [number, number];
  readonly kernel: readonly [height: number, width: number];
}

interface CorrelateVariant extends Variant<Problem> {
  write(params: CorrelateParams, problem: Problem, traits: AdapterTraits): string;
  workgroups(problem: Problem, traits: AdapterTraits): readonly [number, number, number];
}

/** Invocations that a GPU is to be given at least. */
const busy = 2 ** 16;

/** Register tiles that cover the result. */
const blocksOf = ({ columns, rows, outChannels, images, groups }: Problem, tile: CorrelateShape): number =>
  Math.ceil(columns / (4 * tile.columns)) * rows * Math.ceil(outChannels / tile.channels) * images * groups;

/**
 * The register tile for a problem: eight channels where there are as many, and the stretch of columns that costs least: wide ones
 * load less for each product, but what reaches beyond the row is computed for nothing. On a GPU, smaller ones until there are enough.
 * @param most groups of four columns.
 */
function directShape(problem: Problem, most: number, { cpu }: AdapterTraits): CorrelateShape {
  const { outChannels, columns } = problem;
  const channels = [8, 4, 2, 1].find((n) => outChannels >= n && (outChannels % n === 0 || outChannels > 2 * n)) ?? 1;
  const cost = (groups: number): number => Math.ceil(columns / (4 * groups)) * 4 * groups * (1 + 0.25 / groups);
  const groups = Array.from({ length: most }, (_, i) => most - i).reduce((best, n) =>
    cost(n) < cost(best) ? n : best,
  );
  const tile = { channels, columns: groups };
  while (!cpu && tile.channels * tile.columns > 4 && blocksOf(problem, tile) < busy) {
    if (tile.columns > 1) tile.columns = Math.ceil(tile.columns / 2);
    else tile.channels /= 2;
  }
  return tile;
}

const direct = (
  name: string,
  { most, quads = false }: { most: number; quads?: boolean },
  rules: Pick<CorrelateVariant, "needs" | "score">,
): CorrelateVariant => {
  const shape = (problem: Problem, traits: AdapterTraits) => ({ ...directShape(problem, most, traits), quads });
  const rows = ({ images, groups }: Problem): number => (quads ? Math.ceil(images / 4) : images) * groups;
  return {
    name,
    ...rules,
    write: (params, problem, traits) => correlateDirect(params, shape(problem, traits), workgroupOf(traits)),
    workgroups(problem, traits) {
      const blocks = blocksOf({ ...problem, images: 1, groups: 1 }, shape(problem, traits));
      return [Math.ceil((blocks * (quads ? 4 : 1)) / workgroupOf(traits)), rows(problem), 1];
    },
  };
};

/** Scores on CPU adapters are SwiftShader's; lavapipe agrees: 3×3, 16 to 32 channels, `quads` 6 ms, `direct` 13, `tiled` 56. */
export const correlateVariants: readonly CorrelateVariant[] = [
  direct("direct", { most: 4 }, { score: () => 1 }),
  direct(
    "quads",
    { most: 8, quads: true },
    {
      needs: (_, { features }) => unless(features.has("subgroups"), "subgroups"),
      score: ({ images }, { cpu }) => (cpu ? (1.5 * images) / (4 * Math.ceil(images / 4)) : 0.5),
    },
  ),
  {
    name: "tiled",
    needs: ({ kernel }, traits) =>
      unless(kernel[0] * kernel[1] > 0, "elements of the kernel that meet the input") ??
      needsWorkgroup(traits, 256, tileBytes(tileSide)),
    score: ({ outChannels, rows, columns }, { cpu }) => (!cpu && outChannels >= 32 && rows * columns >= 64 ? 2 : 0),
    write: (params) => correlateTiled(params),
    workgroups: ({ outChannels, rows, columns, images, groups }) => [
      Math.ceil((rows * columns) / tileSide),
      Math.ceil(outChannels / tileSide),
      images * groups,
    ],
  },
];

/** The calls of a convolution or of the gradient of its input, one for each pair of taps (phases of the stride). */
function correlate(
  node: Node,
  to: Lowering,
  pairs: readonly (readonly [Taps, Taps])[],
  weightStrides: readonly [number, number, number, number],
  outChannels: number,
  inChannels: number,
): readonly KernelCall[] {
  const [source, kernel, ...extra] = node.inputs;
  const { groups } = node.attrs["geometry"] as Geometry;
  const [input, weight] = [to.contiguous(source!), to.contiguous(kernel!)];
  const added = extra.map((tensor) => {
    const view = to.view(tensor);
    return view.strides.some((stride) => stride < 0) ? to.contiguous(tensor) : view;
  });
  const places = node.results.map((_, i) => to.result(i)!);
  const program: PointwiseProgram = node.fusion?.after ?? identity(input.dtype);
  const [images, , rows, cols] = places[0]!.shape as [number, number, number, number];
  const { outputs, bindings } = ends(added, places);
  const chain = nameOf(program);
  const label = `${node.op.name}${labelShape(places[0]!.shape)}*${labelShape(weight.shape)}`;
  return pairs.map(([vertical, horizontal]) => {
    const taps = vertical.count * horizontal.count;
    const problem: Problem = {
      type: input.dtype,
      images,
      groups,
      inChannels,
      outChannels,
      rows: vertical.positions,
      columns: horizontal.positions,
      stride: [vertical.stride, horizontal.stride],
      kernel: [vertical.count, horizontal.count],
    };
    const variant = choose<CorrelateVariant, Problem>(
      { name: "conv2d", source: "", variants: correlateVariants },
      problem,
      to.traits,
    );
    const results = images * groups * outChannels * vertical.positions * horizontal.positions;
    const phase = pairs.length > 1 ? `/${vertical.phase},${horizontal.phase}` : "";
    return {
      label: `${label}${chain && `+${chain}`}${phase}:${input.dtype}`,
      family: "conv2d",
      variant: variant.name,
      kernel: legacy(
        variant.write(
          {
            rows,
            cols,
            type: input.dtype,
            epilogue: ending(program, added),
            outputs,
            images,
            groups,
            outChannels,
            inChannels,
            vertical,
            horizontal,
            input: { height: input.shape[2]!, width: input.shape[3]!, length: lengthOf(input) },
            weight: { strides: weightStrides, length: lengthOf(weight) },
          },
          problem,
          to.traits,
        ),
      ),
      bindings: [bind(input, "read"), bind(weight, "read"), ...bindings],
      workgroups: variant.workgroups(problem, to.traits),
      flops: results * (2 * inChannels * taps + flopsOf(program)),
      bytes:
        ([input, weight, ...added].reduce((sum, view) => sum + touched(view), 0) +
          results * places.reduce((sum, { dtype }) => sum + bytesPer(dtype), 0) * pairs.length) /
        pairs.length,
    };
  });
}

export function lowerConv(node: Node, to: Lowering): readonly KernelCall[] {
  const [out, inChannels, kh, kw] = node.inputs[1]!.shape as [number, number, number, number];
  const geometry = node.attrs["geometry"] as Geometry;
  const size = node.results[0]!.shape;
  const taps = axes.map((axis) => forwardTaps([kh, kw][axis]!, size[2 + axis]!, axis, geometry)) as [Taps, Taps];
  const perGroup = out / geometry.groups;
  const one = inChannels * kh * kw;
  return correlate(node, to, [taps], [perGroup * one, one, kh * kw, kw], perGroup, inChannels);
}

export function lowerConvInputGrad(node: Node, to: Lowering): readonly KernelCall[] {
  const [out, inChannels, kh, kw] = node.inputs[1]!.shape as [number, number, number, number];
  const geometry = node.attrs["geometry"] as Geometry;
  const { stride, groups } = geometry;
  const [height, width] = node.results[0]!.shape.slice(2) as [number, number];
  const phases = (axis: 0 | 1, kernel: number, size: number): Taps[] =>
    Array.from({ length: Math.min(stride[axis], size) }, (_, phase) =>
      backwardTaps(kernel, size, axis, phase, geometry),
    );
  const pairs = phases(0, kh, height).flatMap((v) => phases(1, kw, width).map((h) => [v, h] as const));
  const perGroup = out / groups;
  const one = inChannels * kh * kw;
  return correlate(node, to, pairs, [perGroup * one, kh * kw, one, kw], inChannels, perGroup);
}

interface GradProblem {
  readonly type: Scalar;
  readonly images: number;
  readonly groups: number;
  /** Per group, as are the input channels. */
  readonly outChannels: number;
  readonly inChannels: number;
  readonly kernel: readonly [height: number, width: number];
  /** Of the forward pass. */
  readonly rows: number;
  readonly columns: number;
  readonly stride: readonly [number, number];
}

/** Columns of the gradient as a matrix: input channels times kernel elements. */
const columnsOf = ({ inChannels, kernel }: GradProblem): number => inChannels * kernel[0] * kernel[1];

interface WeightGradVariant extends Variant<GradProblem> {
  /** Into how many parts the images are split. */
  parts(problem: GradProblem): number;
  write(params: WeightGradParams, traits: AdapterTraits): string;
  workgroups(problem: GradProblem, parts: number, traits: AdapterTraits): readonly [number, number, number];
}

const gradChannels = (outChannels: number): number => [8, 4, 2, 1].find((n) => outChannels >= n) ?? 1;

/** Invocations of the direct kernel that work on one part. */
const unitsOf = ({ outChannels, inChannels, kernel }: GradProblem): number =>
  Math.ceil(kernel[1] / 8) * kernel[0] * inChannels * Math.ceil(outChannels / gradChannels(outChannels));

const quads = { channels: 4, kernelRows: 5 };
const quadsOf = (problem: GradProblem): number => quadUnits(problem, quads).units;

/**
 * Scores for CPU adapters were measured on SwiftShader and hold on lavapipe. There, 5×5 from 8 to 16 channels, 64 images of 14×14, takes 2.8 ms
 * in `quads`, 8.2 in `direct`, 70 in `tiled`. Scores for GPUs are reasoned, not measured.
 */
export const weightGradVariants: readonly WeightGradVariant[] = [
  {
    name: "direct",
    score: () => 1,
    parts: (p) => Math.min(p.images, Math.max(1, Math.ceil(512 / (unitsOf(p) * p.groups)))),
    write: (params, traits) => weightGradDirect(params, gradChannels(params.outChannels), workgroupOf(traits)),
    workgroups: (p, parts, traits) => [Math.ceil(unitsOf(p) / workgroupOf(traits)), p.groups * parts, 1],
  },
  {
    name: "quads",
    needs: (_, { features }) => unless(features.has("subgroups"), "subgroups"),
    score: ({ outChannels }, { cpu }) => (cpu && outChannels >= 4 ? 1.5 : 0.5),
    parts: (p) => Math.min(p.images, Math.max(1, Math.ceil(64 / (quadsOf(p) * p.groups)))),
    write: (params, traits) => weightGradQuads(params, quads, workgroupOf(traits)),
    workgroups: (p, parts, traits) => [Math.ceil((quadsOf(p) * parts * 4) / workgroupOf(traits)), p.groups, 1],
  },
  {
    name: "tiled",
    needs: (_, traits) => needsWorkgroup(traits, 256, tileBytes(tileSide)),
    score: (problem, { cpu }) => (!cpu && problem.outChannels >= 16 && columnsOf(problem) >= 32 ? 2 : 0),
    parts(problem) {
      const { images, groups, outChannels } = problem;
      const tiles = Math.ceil(outChannels / tileSide) * Math.ceil(columnsOf(problem) / tileSide) * groups;
      return Math.min(images, Math.max(1, Math.ceil(256 / tiles)));
    },
    write: weightGradTiled,
    workgroups: (problem, parts) => [
      Math.ceil(columnsOf(problem) / tileSide),
      Math.ceil(problem.outChannels / tileSide),
      problem.groups * parts,
    ],
  },
];

export function lowerConvWeightGrad(node: Node, to: Lowering): readonly KernelCall[] {
  const [x, dy] = node.inputs.map((tensor) => to.contiguous(tensor));
  const geometry = node.attrs["geometry"] as Geometry;
  const { groups } = geometry;
  const dw = to.result(0)!;
  const [out, inChannels, kh, kw] = dw.shape as [number, number, number, number];
  const [vertical, horizontal] = axes.map((axis) =>
    forwardTaps([kh, kw][axis]!, dy!.shape[2 + axis]!, axis, geometry),
  ) as [Taps, Taps];
  const outChannels = out / groups;
  const images = x!.shape[0]!;
  const [rows, columns] = dy!.shape.slice(2) as [number, number];
  const kernel = [kh, kw] as const;
  const { stride } = geometry;
  const problem = { type: x!.dtype, images, groups, outChannels, inChannels, kernel, rows, columns, stride };
  const variant = choose<WeightGradVariant, GradProblem>(
    { name: "conv2dWeightGrad", source: "", variants: weightGradVariants },
    problem,
    to.traits,
  );
  const parts = variant.parts(problem);
  const size = sizeOf(dw.shape);
  const place = parts === 1 ? dw : to.scratch("parts of a weight gradient", [parts, size], "f32");
  const label = `conv2dWeightGrad${labelShape(dw.shape)}`;
  const call: KernelCall = {
    label: `${label}${parts > 1 ? `/${parts}` : ""}:${dw.dtype}`,
    family: "conv2dWeightGrad",
    variant: variant.name,
    kernel: legacy(
      variant.write(
        {
          type: x!.dtype,
          outputType: place.dtype,
          images,
          groups,
          outChannels,
          inChannels,
          vertical,
          horizontal,
          input: { height: x!.shape[2]!, width: x!.shape[3]!, length: lengthOf(x!) },
          gradLength: lengthOf(dy!),
          outputLength: lengthOf(place),
          parts,
        },
        to.traits,
      ),
    ),
    bindings: [bind(x!, "read"), bind(dy!, "read"), bind(place, "read_write")],
    workgroups: variant.workgroups(problem, parts, to.traits),
    flops: 2 * size * images * vertical.positions * horizontal.positions,
    bytes: touched(x!) + touched(dy!) + parts * size * bytesPer(place.dtype),
  };
  if (parts === 1) return [call];
  const kept = { ...place, shape: [size], strides: [1] };
  const folded = { ...place, shape: [parts], strides: [size] };
  return [call, ...sumCalls(label, kept, folded, dw, to)];
}
