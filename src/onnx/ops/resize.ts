import { FormatError } from "../../errors.ts";
import { showShape } from "../../graph/shape.ts";
import type { Tensor } from "../../graph/tensor.ts";
import { constant, indexSelect, matmul, transpose, where } from "../../ops/index.ts";
import type { Built, OpNode, OpRow } from "../node.ts";
import { most } from "../value.ts";
import { axisOf } from "./shapes.ts";

/*
 * Resizing is separable: along each axis, every element of the result is a weighted sum of neighbours. The weights depend
 * on sizes alone, so they are a constant matrix, or for "nearest" a list of positions.
 */

/** How one axis is resized. */
interface Axis {
  readonly axis: number;
  readonly from: number;
  readonly to: number;
  readonly scale: number;
  /** Region of interest, as shares of the axis. */
  readonly roi: readonly [number, number];
}

/** Where position x of the result is in the input. */
function source(mode: string, x: number, { from, to, scale, roi: [start, end] }: Axis): number {
  const exact = scale * from;
  switch (mode) {
    case "align_corners":
      return exact === 1 ? 0 : (x * (from - 1)) / (exact - 1);
    case "asymmetric":
      return x / scale;
    case "tf_crop_and_resize": {
      const along = exact === 1 ? ((end - start) * (from - 1)) / 2 : (x * (end - start) * (from - 1)) / (exact - 1);
      return along + start * (from - 1);
    }
    case "pytorch_half_pixel":
      return to === 1 ? -0.5 : (x + 0.5) / scale - 0.5;
    case "half_pixel_symmetric":
      return (from / 2) * (1 - to / exact) + (x + 0.5) / scale - 0.5;
    case "half_pixel":
    case "tf_half_pixel_for_nn":
      return (x + 0.5) / scale - (mode === "half_pixel" ? 0.5 : 0);
    default:
      throw new FormatError(`coordinate_transformation_mode ${mode} is not known`);
  }
}

const nearestOf: Readonly<Record<string, (at: number) => number>> = {
  round_prefer_floor: (at) => Math.ceil(at - 0.5),
  round_prefer_ceil: (at) => Math.floor(at + 0.5),
  floor: Math.floor,
  ceil: Math.ceil,
};

/** Weight of a neighbour at a distance: linear, or R. Keys' cubic convolution (1981). */
function weightAt(mode: string, distance: number, a: number): number {
  const x = Math.abs(distance);
  if (mode === "linear") return Math.max(0, 1 - x);
  if (x <= 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  return x < 2 ? ((a * x - 5 * a) * x + 8 * a) * x - 4 * a : 0;
}

interface Sampling {
  readonly mode: string;
  readonly coordinates: string;
  readonly cubic: number;
  readonly antialias: boolean;
  readonly excludesOutside: boolean;
}

/** Weights of the elements of an axis, `[to, from]`. */
function weights(axis: Axis, { mode, coordinates, cubic, antialias, excludesOutside }: Sampling): Float32Array {
  const { from, to, scale } = axis;
  const matrix = new Float32Array(from * to);
  // A smaller image averages over more neighbours, so that no element is lost.
  const s = antialias ? Math.min(scale, 1) : 1;
  const first = Math.floor(-(mode === "linear" ? 1 : 2) / s) + 1;
  for (let x = 0; x < to; x++) {
    const at = source(coordinates, x, axis);
    const left = Math.ceil(at) - 1;
    const places = Array.from({ length: 2 - 2 * first }, (_, i) => left + first + i);
    const own = places.map((place) => weightAt(mode, s * (place - at), cubic));
    if (excludesOutside) places.forEach((place, i) => (own[i] = place < 0 || place >= from ? 0 : own[i]!));
    const total = antialias || excludesOutside ? own.reduce((a, b) => a + b, 0) : 1;
    places.forEach((place, i) => {
      matrix[x * from + Math.min(Math.max(place, 0), from - 1)]! += own[i]! / total;
    });
  }
  return matrix;
}

function resizeAxis(x: Tensor, axis: Axis, sampling: Sampling, nearest: string): Tensor {
  const { from, to } = axis;
  if (to > most || from > most || to * from > 2 ** 26)
    throw new FormatError(`axis ${axis.axis} of ${showShape(x.shape)} cannot be resized to ${to}`);
  if (sampling.mode === "nearest") {
    const pick = nearestOf[nearest];
    if (!pick) throw new FormatError(`nearest_mode ${nearest} is not known`);
    const index = Int32Array.from({ length: to }, (_, i) =>
      Math.min(Math.max(pick(source(sampling.coordinates, i, axis)), 0), from - 1),
    );
    return indexSelect(x, axis.axis, constant(index, [to]));
  }
  const matrix = constant(weights(axis, sampling), [to, from], "resize");
  const last = x.shape.length - 1;
  const line = axis.axis === last ? x : transpose(x, axis.axis, last);
  const y = matmul(line, transpose(matrix));
  return axis.axis === last ? y : transpose(y, axis.axis, last);
}

/** Which axes change, and how. */
function axesOf(node: OpNode, shape: readonly number[], roiAt: number, scalesAt: number, sizesAt: number): Axis[] {
  const given = node.ints("axes")?.map((axis) => axisOf(axis, shape.length)) ?? shape.map((_, axis) => axis);
  const roi = node.numbers(roiAt) ?? [];
  const scales = node.numbers(scalesAt) ?? node.floats("scales") ?? [];
  const sizes = scales.length > 0 ? undefined : node.known(sizesAt);
  const policy = node.text("keep_aspect_ratio_policy", "stretch");
  const ratios = sizes?.map((size, i) => size / shape[given[i]!]!);
  const common = policy === "stretch" || !ratios ? undefined : Math[policy === "not_larger" ? "min" : "max"](...ratios);
  return given.map((axis, i) => {
    const from = shape[axis]!;
    const scale = common ?? ratios?.[i] ?? scales[i]!;
    const to = common === undefined ? (sizes?.[i] ?? Math.floor(scale * from)) : Math.floor(common * from + 0.5);
    if (!(to >= 1)) throw new FormatError(`axis ${axis} of ${showShape(shape)} would have ${to} elements`);
    return { axis, from, to, scale, roi: [roi[i] ?? 0, roi[i + given.length] ?? 1] };
  });
}

function resize(node: OpNode): Built {
  const x = node.tensor(0);
  const isOld = node.op === "Upsample" || node.opset < 11;
  const axes = isOld ? axesOf(node, x.shape, -1, 1, -1) : axesOf(node, x.shape, 1, 2, 3);
  const coordinates = node.text("coordinate_transformation_mode", isOld ? "asymmetric" : "half_pixel");
  const sampling: Sampling = {
    mode: node.text("mode", "nearest"),
    coordinates,
    cubic: node.float("cubic_coeff_a", -0.75),
    antialias: node.int("antialias", 0) !== 0,
    excludesOutside: node.int("exclude_outside", 0) !== 0,
  };
  const nearest = node.text("nearest_mode", isOld ? "floor" : "round_prefer_floor");
  if (!["nearest", "linear", "cubic"].includes(sampling.mode))
    throw new FormatError(`mode ${sampling.mode} is not known`);
  const isCrop = coordinates === "tf_crop_and_resize";
  const changed = axes.filter(({ from, to, scale }) => isCrop || from !== to || scale !== 1);
  const y = changed.reduce((image, axis) => resizeAxis(image, axis, sampling, nearest), x);
  return isCrop ? changed.reduce((image, axis) => cropped(image, axis, node.float("extrapolation_value", 0)), y) : y;
}

/** Replaces what lies outside of the image. */
function cropped(y: Tensor, axis: Axis, value: number): Tensor {
  const isInside = Int32Array.from({ length: axis.to }, (_, x) => {
    const at = source("tf_crop_and_resize", x, axis);
    return Number(at >= 0 && at <= axis.from - 1);
  });
  if (isInside.every(Boolean)) return y;
  const behind = new Array<number>(y.shape.length - 1 - axis.axis).fill(1);
  return where(constant(isInside, [axis.to, ...behind]), y, value);
}

export const resizing: readonly OpRow[] = [
  { op: "Resize", since: [10, 11, 13, 18, 19], limits: "scales, sizes and region must be known", build: resize },
  { op: "Upsample", since: [7, 9], limits: "scales must be known", build: resize },
];
