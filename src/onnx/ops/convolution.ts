import { ShapeError } from "../../errors.ts";
import { showShape } from "../../graph/shape.ts";
import type { Tensor } from "../../graph/tensor.ts";
import { add, conv2d, convTranspose2d, pad, permute, reshape, slice } from "../../ops/index.ts";
import type { Built, OpNode, OpRow } from "../node.ts";
import { type Window, windowOf } from "./windows.ts";

const alongChannels = (bias: Tensor, rank: number): Tensor =>
  reshape(bias, [bias.size, ...new Array<number>(rank - 2).fill(1)]);

/** A line as an image of one row. */
const asRow = (x: Tensor): Tensor => reshape(x, [...x.shape.slice(0, 2), 1, ...x.shape.slice(2)]);

/** Frames of `[N, C, D, H, W]` as a batch `[N · D, C, H, W]`. */
function framesOf(x: Tensor): Tensor {
  const [n, c, d, h, w] = x.shape as [number, number, number, number, number];
  return reshape(permute(x, [0, 2, 1, 3, 4]), [n * d, c, h, w]);
}

/** The way back. */
function ofFrames(y: Tensor, batch: number): Tensor {
  const [all, c, h, w] = y.shape as [number, number, number, number];
  return permute(reshape(y, [batch, all / batch, c, h, w]), [0, 2, 1, 3, 4]);
}

type Line = { strides: number; dilations: number; low: number; high: number; size: number };

const along = (window: Window, axis: number): Line => ({
  strides: window.strides[axis]!,
  dilations: window.dilations[axis]!,
  low: window.low[axis]!,
  high: window.high[axis]!,
  size: window.size[axis]!,
});

const planar = (window: Window, [y, x]: readonly [number, number], groups: number) => {
  const [v, h] = [along(window, y), along(window, x)];
  return {
    stride: [v.strides, h.strides] as const,
    dilation: [v.dilations, h.dilations] as const,
    padding: [
      [v.low, v.high],
      [h.low, h.high],
    ] as const,
    groups,
  };
};

/** A kernel's layers become nodes. */
function checkDepth(weight: Tensor): void {
  if (weight.shape[2]! > 256) throw new ShapeError(`the kernel ${showShape(weight.shape)} is more than 256 deep`);
}

/** A convolution over volumes: for each layer of the kernel, one over frames. */
function volume(x: Tensor, weight: Tensor, window: Window, groups: number): Tensor {
  const { strides, dilations, low, high, size } = along(window, 0);
  const padded = pad(x, { low: [0, 0, low, 0, 0], high: [0, 0, high, 0, 0] });
  const layers = Array.from({ length: weight.shape[2]! }, (_, k) => {
    const start = k * dilations;
    const met = slice(padded, [[], [], [start, start + (size - 1) * strides + 1, strides]]);
    const layer = slice(weight, [[], [], [k, k + 1]]);
    const kernel = reshape(layer, [...weight.shape.slice(0, 2), ...weight.shape.slice(3)]);
    return conv2d(framesOf(met), kernel, undefined, planar(window, [1, 2], groups));
  });
  return ofFrames(
    layers.reduce((a, b) => add(a, b)),
    x.shape[0]!,
  );
}

function convolve(node: OpNode): Built {
  const [x, weight] = [node.tensor(0), node.tensor(1)];
  const bias = node.optional(2);
  const groups = node.int("group", 1);
  const rank = x.shape.length;
  const window = windowOf(node, x.shape.slice(2), node.ints("kernel_shape") ?? weight.shape.slice(2));
  if (rank === 4) return conv2d(x, weight, bias, planar(window, [0, 1], groups));
  if (rank === 3) {
    const { strides, dilations, low, high } = along(window, 0);
    const y = conv2d(asRow(x), asRow(weight), bias, {
      stride: [1, strides],
      dilation: [1, dilations],
      padding: [
        [0, 0],
        [low, high],
      ],
      groups,
    });
    return reshape(y, [y.shape[0]!, y.shape[1]!, y.shape[3]!]);
  }
  checkDepth(weight);
  if (rank !== 5) throw new ShapeError(`input is ${showShape(x.shape)}, expected three to five axes`);
  const y = volume(x, weight, window, groups);
  return bias ? add(y, alongChannels(bias, rank)) : y;
}

/** Sizes and pads of a transposed convolution, which may be given in several ways. */
function transposedGeometry(node: OpNode, spatial: readonly number[], kernel: readonly number[]) {
  const ones = spatial.map(() => 1);
  const strides = node.ints("strides") ?? ones;
  const dilations = node.ints("dilations") ?? ones;
  const extra = node.ints("output_padding") ?? ones.map(() => 0);
  const wanted = node.ints("output_shape");
  const mode = node.text("auto_pad", "NOTSET");
  const pads = node.ints("pads") ?? [...ones, ...ones].map(() => 0);
  const rank = spatial.length;
  const axes = spatial.map((n, axis) => {
    const whole = strides[axis]! * (n - 1) + extra[axis]! + (kernel[axis]! - 1) * dilations[axis]! + 1;
    if (!wanted && !mode.startsWith("SAME")) {
      const [low, high] = mode === "VALID" ? [0, 0] : [pads[axis]!, pads[axis + rank]!];
      return { whole, low, size: whole - low - high };
    }
    const size = wanted?.at(axis - rank) ?? n * strides[axis]!;
    const total = whole - size;
    const half = Math.floor(total / 2);
    return { whole, low: mode === "SAME_UPPER" ? half : total - half, size };
  });
  return { strides, dilations, extra, axes };
}

/** The whole result without padding, of which a part is the result. */
function transposeConvolve(node: OpNode): Built {
  const [x, weight] = [node.tensor(0), node.tensor(1)];
  const bias = node.optional(2);
  const groups = node.int("group", 1);
  const rank = x.shape.length;
  const { strides, dilations, axes } = transposedGeometry(node, x.shape.slice(2), weight.shape.slice(2));
  const whole =
    rank === 5
      ? transposedVolume(x, weight, strides, dilations, groups)
      : rank === 3
        ? unrow(convTranspose2d(asRow(x), asRow(weight), undefined, flat([1, strides[0]!], [1, dilations[0]!], groups)))
        : convTranspose2d(x, weight, undefined, flat(strides, dilations, groups));
  const y = axes.reduce((cut, { low, size }, i) => window(cut, i + 2, low, size), whole);
  return bias ? add(y, alongChannels(bias, rank)) : y;
}

const flat = (stride: readonly number[], dilation: readonly number[], groups: number) => ({
  stride: stride as readonly [number, number],
  dilation: dilation as readonly [number, number],
  groups,
});

const unrow = (y: Tensor): Tensor => reshape(y, [y.shape[0]!, y.shape[1]!, y.shape[3]!]);

/** `size` elements of an axis from `start` on, which may lie outside of it: there are zeros. */
function window(x: Tensor, axis: number, start: number, size: number): Tensor {
  const n = x.shape[axis]!;
  const low = Math.max(0, -start);
  const high = Math.max(0, start + size - n);
  const at = (count: number) => x.shape.map((_, i) => (i === axis ? count : 0));
  const wide = low + high > 0 ? pad(x, { low: at(low), high: at(high) }) : x;
  return slice(
    wide,
    x.shape.map((_, i) => (i === axis ? [start + low, start + low + size] : [])),
  );
}

/** Each layer of the kernel spreads the frames over its own places. */
function transposedVolume(
  x: Tensor,
  weight: Tensor,
  strides: readonly number[],
  dilations: readonly number[],
  groups: number,
): Tensor {
  checkDepth(weight);
  const depth = weight.shape[2]!;
  const layers = Array.from({ length: depth }, (_, k) => {
    const layer = reshape(slice(weight, [[], [], [k, k + 1]]), [...weight.shape.slice(0, 2), ...weight.shape.slice(3)]);
    const frames = convTranspose2d(framesOf(x), layer, undefined, flat(strides.slice(1), dilations.slice(1), groups));
    const start = k * dilations[0]!;
    return pad(ofFrames(frames, x.shape[0]!), {
      low: [0, 0, start, 0, 0],
      high: [0, 0, (depth - 1) * dilations[0]! - start, 0, 0],
      interior: [0, 0, strides[0]! - 1, 0, 0],
    });
  });
  return layers.reduce((a, b) => add(a, b));
}

export const convolution: readonly OpRow[] = [
  { op: "Conv", since: [1, 11, 22], limits: "one to three spatial axes", build: convolve },
  { op: "ConvTranspose", since: [1, 11, 22], limits: "one to three spatial axes", build: transposeConvolve },
];
