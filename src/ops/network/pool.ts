import { AttributeError, checkNumber, DTypeError, type Filled, optionsOf, ShapeError } from "../../errors.ts";
import { type DType, type Float, floats, type Shape, showShape, sizeOf } from "../../graph/shape.ts";
import { apply, applyAll, checkTensors, type Op, type Tensor } from "../../graph/tensor.ts";
import { maxPoolGradKernels, maxPoolKernels, maxPoolPickKernels, type Windows } from "../../kernels/pool2d.ts";
import { mean, sum } from "../lines/reduce.ts";
import { reshape, unsqueeze } from "../moves/views.ts";
import { cast, mul, where } from "../pointwise/arithmetic.ts";
import { constant } from "../sources/constants.ts";
import { conv2d, pair } from "./conv.ts";

/*
 * Max pooling consists of three ops closed under differentiation: pooling itself, with packed indices of the maxima as
 * second result; scattering gradients to the maxima; and gathering the maxima.
 */

const maxPoolOp: Op = {
  name: "maxPool2d",
  infer([x], { windows }) {
    const shape = [...x!.shape.slice(0, 2), ...windows.size];
    return [
      { shape, dtype: x!.dtype },
      { shape: [Math.ceil(sizeOf(shape) / 4)], dtype: "u32" },
    ];
  },
  vjp: ({ inputs: [x], results: [, index], attrs: { windows } }, [dy]) => [
    dy && scatter(dy, index!, windows, x!.shape),
  ],
  kernels: maxPoolKernels,
};

const maxPoolGradOp: Op = {
  name: "maxPool2dGrad",
  describe: ({ attrs: { windows } }) => JSON.stringify(windows),
  infer: ([dy], { shape }) => [{ shape, dtype: dy!.dtype }],
  vjp: ({ inputs: [, index], attrs: { windows } }, [u]) => [u && pick(u, index!, windows), undefined],
  kernels: maxPoolGradKernels,
};

const maxPoolPickOp: Op = {
  name: "maxPool2dPick",
  infer: ([x], { windows }) => [{ shape: [...x!.shape.slice(0, 2), ...windows.size], dtype: x!.dtype }],
  vjp: ({ inputs: [x, index], attrs: { windows } }, [u]) => [u && scatter(u, index!, windows, x!.shape), undefined],
  kernels: maxPoolPickKernels,
};

const scatter = (dy: Tensor, index: Tensor, windows: Windows, shape: Shape): Tensor =>
  apply(maxPoolGradOp, [dy, index], { windows, shape: [...shape] });
const pick = (x: Tensor, index: Tensor, windows: Windows): Tensor => apply(maxPoolPickOp, [x, index], { windows });

/** The geometry of pooling, as in PyTorch. */
export interface PoolOptions {
  /** Step between windows; default the kernel size, so that they do not overlap. */
  readonly stride?: number | readonly [number, number];
  /** Rows and columns of padding around the image, at most half the kernel; default 0. */
  readonly padding?: number | readonly [number, number];
  /**
   * Whether to keep windows that extend past the end; default false. A window that would start in the end padding is
   * dropped.
   */
  readonly ceilMode?: boolean;
}

/** Options common to all pooling; the default stride depends on the kernel. */
const windowOptions = { stride: undefined, padding: undefined, dilation: undefined, ceilMode: false };

type PoolWindow = Omit<Windows, "size"> & { readonly ceilMode: boolean };

/** A checked window, without what depends on the image. */
function windowOf(
  op: string,
  kernelSize: number | readonly [number, number],
  options: Filled<PoolOptions & { readonly dilation?: number | readonly [number, number] }, typeof windowOptions>,
): PoolWindow {
  const kernel = pair(op, "kernel size", kernelSize);
  const padding = pair(op, "padding", options.padding === undefined ? 0 : options.padding, 0);
  if (padding.some((p, axis) => p > kernel[axis]! / 2)) {
    throw new AttributeError(`${op}: padding is ${padding}, expected at most half the kernel size ${kernel}`);
  }
  return {
    kernel,
    padding,
    stride: pair(op, "stride", options.stride === undefined ? kernel : options.stride),
    dilation: pair(op, "dilation", options.dilation === undefined ? 1 : options.dilation),
    ceilMode: options.ceilMode,
  };
}

/** The window with its number of positions in an image. */
function windowsOf(op: string, x: Tensor, { ceilMode, ...window }: PoolWindow): Windows {
  checkTensors(op, x);
  if (x.shape.length !== 4) throw new ShapeError(`${op}: input ${showShape(x.shape)} needs four axes [N, C, H, W]`);
  if (!floats.includes(x.dtype)) throw new DTypeError(`${op}: input is ${x.dtype}, expected f32 or f16`);
  const { kernel, stride, padding, dilation } = window;
  const size = [0, 1].map((axis) => {
    const n = x.shape[2 + axis]! + padding[axis]!;
    const steps = (n + padding[axis]! - dilation[axis]! * (kernel[axis]! - 1) - 1) / stride[axis]!;
    const count = (ceilMode ? Math.ceil(steps) : Math.floor(steps)) + 1;
    return (count - 1) * stride[axis]! >= n ? count - 1 : count;
  }) as [number, number];
  if (size.some((n) => n < 1))
    throw new ShapeError(`${op}: kernel ${kernel} is larger than the padded input ${showShape(x.shape)}`);
  return { ...window, size };
}

type MaxPoolOptions = PoolOptions & { readonly dilation?: number | readonly [number, number] };

/** The checked window of a max pooling. */
export function maxWindowOf(
  op: string,
  kernelSize: number | readonly [number, number],
  options: MaxPoolOptions = {},
): PoolWindow {
  const window = windowOf(op, kernelSize, optionsOf(op, options, windowOptions));
  if (window.kernel[0] * window.kernel[1] <= 255) return window;
  throw new AttributeError(`${op}: kernel size is ${window.kernel}, expected at most 255 elements`);
}

/**
 * The maximum of each window. The first of equal maxima gets the gradient; padding is never the maximum. A dilated
 * window that covers padding only gives −∞.
 * @param x `[N, C, H, W]`, f32 or f16
 * @param kernelSize one number, or [vertical, horizontal]; up to 255 elements.
 * @param options also `dilation`, the step between elements of a window; default 1.
 */
export function maxPool2d<D extends DType>(
  x: Tensor<D>,
  kernelSize: number | readonly [number, number],
  options: PoolOptions & { readonly dilation?: number | readonly [number, number] } = {},
): Tensor<D> {
  const windows = windowsOf("maxPool2d", x, maxWindowOf("maxPool2d", kernelSize, options));
  return applyAll(maxPoolOp, [x], { windows })[0] as Tensor<D>;
}

/** The geometry of average pooling, and what it divides by. */
export interface AvgPoolOptions extends PoolOptions {
  /** Whether padding counts as elements; default true. */
  readonly countIncludePad?: boolean;
  /** Divides the sums; default the number of elements. */
  readonly divisor?: number;
}

/** The checked window of an average pooling, and how it counts. */
export function avgWindowOf(op: string, kernelSize: number | readonly [number, number], options: AvgPoolOptions = {}) {
  const { dilation, ...known } = windowOptions;
  const { countIncludePad, divisor, ...rest } = optionsOf(op, options, {
    ...known,
    countIncludePad: true,
    divisor: undefined,
  });
  if (divisor !== undefined) checkNumber(op, "divisor", divisor, "a number other than 0", (n) => n !== 0);
  return { ...windowOf(op, kernelSize, { ...rest, dilation }), countIncludePad, divisor };
}

/**
 * The mean of each window: a depthwise convolution with ones, scaled in the same kernel.
 * @param x `[N, C, H, W]`, f32 or f16
 * @param kernelSize one number, or [vertical, horizontal].
 */
export function avgPool2d<D extends DType>(
  x: Tensor<D>,
  kernelSize: number | readonly [number, number],
  options: AvgPoolOptions = {},
): Tensor<D & Float> {
  const { countIncludePad, divisor, ...window } = avgWindowOf("avgPool2d", kernelSize, options);
  const { kernel, stride, padding, size } = windowsOf("avgPool2d", x, window);
  const channels = x.shape[1]!;
  // Padding at the end, so that the last window fits.
  const behind = [0, 1].map((axis) => {
    const reach = (size[axis]! - 1) * stride[axis]! + kernel[axis]!;
    return Math.max(0, reach - x.shape[2 + axis]! - padding[axis]!);
  });
  const ones = constant(
    new Float32Array(channels * kernel[0] * kernel[1]).fill(1),
    [channels, 1, ...kernel],
    "ones",
    x.dtype,
  );
  const sums = conv2d(x, ones, undefined, {
    stride,
    groups: channels,
    padding: [
      [padding[0], behind[0]!],
      [padding[1], behind[1]!],
    ],
  });
  /** The number of counted elements of window `at` along an axis. */
  const counted = (axis: 0 | 1, at: number): number => {
    const [n, pad] = [x.shape[2 + axis]!, padding[axis]];
    const start = at * stride[axis] - pad;
    const end = Math.min(start + kernel[axis], countIncludePad ? n + pad : n);
    return end - (countIncludePad ? start : Math.max(start, 0));
  };
  const scale = Float32Array.from(
    { length: size[0] * size[1] },
    (_, i) => 1 / (divisor ?? counted(0, Math.floor(i / size[1])) * counted(1, i % size[1])),
  );
  return scale.every((value) => value === scale[0])
    ? mul(sums, scale[0]!)
    : mul(sums, constant(scale, size, "1 / elements of a window", x.dtype));
}

/**
 * Means over as many windows as the result has elements: window i of n over an axis of size h spans ⌊i·h/n⌋ to
 * ⌈(i+1)·h/n⌉.
 * @param x `[N, C, H, W]`, f32 or f16
 * @param outputSize one number, or [rows, columns]; default 1, the mean over the image.
 */
export function adaptiveAvgPool2d<D extends DType>(
  x: Tensor<D>,
  outputSize: number | readonly [number, number] = 1,
): Tensor<D & Float> {
  checkTensors("adaptiveAvgPool2d", x);
  const size = pair("adaptiveAvgPool2d", "output size", outputSize);
  if (x.shape.length !== 4)
    throw new ShapeError(`adaptiveAvgPool2d: input ${showShape(x.shape)} needs four axes [N, C, H, W]`);
  if (size.every((n) => n === 1)) return mean(x, [2, 3], true);
  const [h, w] = x.shape.slice(2) as [number, number];
  if (h % size[0] === 0 && w % size[1] === 0) return avgPool2d(x, [h / size[0], w / size[1]]);
  return windowMeans(windowMeans(x, 2, size[0]), 3, size[1]) as Tensor<D & Float>;
}

/**
 * Means over windows along one axis. Elements outside a window are replaced, not multiplied by 0, since they may be
 * infinite.
 */
function windowMeans(x: Tensor, axis: number, windows: number): Tensor {
  const n = x.shape[axis]!;
  const bounds = Array.from({ length: windows }, (_, i) => [
    Math.floor((i * n) / windows),
    Math.ceil(((i + 1) * n) / windows),
  ]) as [number, number][];
  const along = (data: Int32Array | Float32Array, sizes: readonly number[], name: string): Tensor =>
    reshape(constant(data, sizes, name), [...sizes, ...x.shape.slice(axis + 1).map(() => 1)]);
  const inside = bounds.flatMap(([start, end]) => Array.from({ length: n }, (_, k) => Number(k >= start && k < end)));
  const shares = Float32Array.from(bounds, ([start, end]) => 1 / (end - start));
  const shown = where(along(Int32Array.from(inside), [windows, n], "windows"), unsqueeze(x, axis), 0);
  const means = mul(sum(cast(shown, "f32"), axis + 1), along(shares, [windows], "1 / elements of a window"));
  return cast(means, x.dtype);
}
