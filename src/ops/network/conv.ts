import {
  AttributeError,
  checkChoice,
  checkList,
  checkWhole,
  counted,
  DTypeError,
  type Filled,
  optionsOf,
  refuse,
  ShapeError,
} from "../../errors.ts";
import { type DType, type Float, floats, showShape } from "../../graph/shape.ts";
import { apply, checkTensors, type Op, type Tensor } from "../../graph/tensor.ts";
import { convInputGradKernels, convKernels, type Geometry } from "../../kernels/conv2d.ts";
import { weightGradKernels } from "../../kernels/conv2dWeightGrad.ts";
import { reshape, slice } from "../moves/views.ts";
import { add } from "../pointwise/arithmetic.ts";
import { matmul } from "./matmul.ts";

/** Kernel positions along an axis of size `n`, padding included. */
const positions = (n: number, kernel: number, stride: number, dilation: number): number =>
  Math.floor((n - dilation * (kernel - 1) - 1) / stride) + 1;

function outputSize([h, w]: readonly number[], [kh, kw]: readonly number[], g: Geometry): [number, number] {
  return [
    positions(h! + g.top + g.bottom, kh!, g.stride[0], g.dilation[0]),
    positions(w! + g.left + g.right, kw!, g.stride[1], g.dilation[1]),
  ];
}

const describe: NonNullable<Op["describe"]> = ({ attrs: { geometry } }) => {
  const { stride, dilation, top, bottom, left, right, groups } = geometry as Geometry;
  const pads = [top, bottom, left, right];
  return `{stride: ${stride}, padding: ${pads}, dilation: ${dilation}, groups: ${groups}}`;
};

/*
 * Three ops closed under differentiation: the gradients of each consist of the other two, so gradients of gradients
 * need no more ops. Each is linear in both inputs. The attribute `size` gives the size of the result, which the
 * geometry does not determine: with a stride, images of several sizes have the same number of positions, and a
 * transposed convolution with large output padding has fewer positions than fit its result.
 */

const convOp: Op = {
  name: "conv2d",
  describe,
  infer: ([x, weight], { size }) => [{ shape: [x!.shape[0]!, weight!.shape[0]!, ...size], dtype: x!.dtype }],
  vjp({ inputs: [x, weight], attrs: { geometry } }, [dy]) {
    return dy
      ? [inputGrad(dy, weight!, geometry, x!.shape.slice(2)), weightGrad(x!, dy, geometry, weight!.shape.slice(2))]
      : [];
  },
  kernels: convKernels,
};

const inputGradOp: Op = {
  name: "conv2dInputGrad",
  describe,
  infer: ([dy, weight], { geometry, size }) => [
    { shape: [dy!.shape[0]!, weight!.shape[1]! * geometry.groups, ...size], dtype: dy!.dtype },
  ],
  vjp({ inputs: [dy, weight], attrs: { geometry } }, [u]) {
    return u
      ? [correlate(u, weight!, geometry, dy!.shape.slice(2)), weightGrad(u, dy!, geometry, weight!.shape.slice(2))]
      : [];
  },
  kernels: convInputGradKernels,
};

const weightGradOp: Op = {
  name: "conv2dWeightGrad",
  describe,
  infer([x, dy], { geometry, size, to = x!.dtype }) {
    return [{ shape: [dy!.shape[1]!, x!.shape[1]! / geometry.groups, ...size], dtype: to }];
  },
  vjp({ inputs: [x, dy], attrs: { geometry } }, [u]) {
    return u ? [inputGrad(dy!, u, geometry, x!.shape.slice(2)), correlate(x!, u, geometry, dy!.shape.slice(2))] : [];
  },
  kernels: weightGradKernels,
};

const correlate = <A extends DType, B extends DType>(
  x: Tensor<A>,
  weight: Tensor<B>,
  geometry: Geometry,
  size: readonly number[],
) => apply<A & B & Float>(convOp, [x, weight], { geometry, size: [...size] });

const inputGrad = <A extends DType, B extends DType>(
  dy: Tensor<A>,
  weight: Tensor<B>,
  geometry: Geometry,
  size: readonly number[],
) => apply<A & B & Float>(inputGradOp, [dy, weight], { geometry, size: [...size] });

const weightGrad = (x: Tensor, dy: Tensor, geometry: Geometry, size: readonly number[]): Tensor =>
  apply(weightGradOp, [x, dy], { geometry, size: [...size] });

/** The geometry of a convolution, as in PyTorch. */
export interface ConvOptions {
  /** Step between kernel positions; default 1. One number, or [vertical, horizontal]. */
  readonly stride?: number | readonly [number, number];
  /**
   * Zeros around the image; default 0 ("valid"). One number, [vertical, horizontal], [[top, bottom], [left, right]], or
   * "same": keeps the size at stride 1; an odd total puts the extra zero at the end.
   */
  readonly padding?:
    | number
    | readonly [number, number]
    | readonly [readonly [number, number], readonly [number, number]]
    | "same"
    | "valid";
  /** Step between elements of the kernel; default 1. */
  readonly dilation?: number | readonly [number, number];
  /**
   * Groups of channels that are convolved separately; default 1. As many groups as channels make a depthwise
   * convolution.
   */
  readonly groups?: number;
}

/** One integer for both directions, or [vertical, horizontal]. */
export function pair(
  op: string,
  name: string,
  value: number | readonly [number, number],
  least = 1,
): readonly [number, number] {
  const both = typeof value === "number" ? [value, value] : checkList(op, name, value);
  if (both.length !== 2) refuse(op, name, value, "one number or two");
  for (const i of [0, 1]) checkWhole(op, name, both[i]!, least);
  return both as readonly [number, number];
}

/** Options of every convolution; `pair` checks those that may be one number or two. */
export const convOptions = { stride: undefined, padding: undefined, dilation: undefined, groups: 1 };

export function geometryOf(
  op: string,
  kernel: readonly number[],
  options: Filled<ConvOptions, typeof convOptions>,
): Geometry {
  const { groups, padding = 0 } = options;
  const stride = pair(op, "stride", options.stride === undefined ? 1 : options.stride);
  const dilation = pair(op, "dilation", options.dilation === undefined ? 1 : options.dilation);
  checkWhole(op, "groups", groups);
  if (typeof padding === "string") checkChoice(op, "padding", padding, ["same", "valid"]);
  if (padding === "same" && stride.some((step) => step !== 1))
    throw new AttributeError(`${op}: padding "same" needs a stride of 1`);
  const sides = [0, 1].map((axis): readonly [number, number] => {
    if (padding === "valid") return [0, 0];
    if (padding === "same") {
      const total = dilation[axis]! * (kernel[axis]! - 1);
      return [Math.floor(total / 2), Math.ceil(total / 2)];
    }
    return pair(
      op,
      "padding",
      typeof padding === "number"
        ? padding
        : checkList<number | readonly [number, number]>(op, "padding", padding)[axis]!,
      0,
    );
  });
  const [[top, bottom], [left, right]] = sides as [[number, number], [number, number]];
  return { stride, dilation, top, bottom, left, right, groups };
}

/** Checks ranks, dtypes and channels. `over` is the weight's axis that corresponds to the channels of x. */
function checkOperands(op: string, x: Tensor, weight: Tensor, groups: number, over: "in" | "out"): void {
  if (x.shape.length !== 4 || weight.shape.length !== 4) {
    throw new ShapeError(
      `${op}: input ${showShape(x.shape)} and weight ${showShape(weight.shape)} need four axes each`,
    );
  }
  if (x.dtype !== weight.dtype || !floats.includes(x.dtype)) {
    throw new DTypeError(`${op}: operands are ${x.dtype} and ${weight.dtype}, expected f32 or f16 for both`);
  }
  checkChannels(op, x, weight, groups, over);
}

function checkChannels(op: string, x: Tensor, weight: Tensor, groups: number, over: "in" | "out"): void {
  const channels = over === "in" ? weight.shape[1]! * groups : weight.shape[0]!;
  if (x.shape[1] !== channels || weight.shape[0]! % groups !== 0) {
    throw new ShapeError(
      `${op}: input ${showShape(x.shape)} does not fit weight ${showShape(weight.shape)} in ${counted(groups, "group")}: expected ${counted(channels, "channel")}`,
    );
  }
}

function withBias<D extends DType>(op: string, y: Tensor<D>, bias: Tensor | undefined): Tensor<D> {
  if (!bias) return y;
  if (bias.shape.length !== 1 || bias.shape[0] !== y.shape[1]) {
    throw new ShapeError(`${op}: bias ${showShape(bias.shape)} does not fit ${counted(y.shape[1]!, "output channel")}`);
  }
  return add(y, reshape(bias, [y.shape[1]!, ...y.shape.slice(2).map(() => 1)]));
}

/**
 * 2-D convolution (cross-correlation, as usual in deep learning), as implicit GEMM: the matrix of patches is never
 * stored. Bias and activation run in the same kernel.
 * @param x `[N, C, H, W]`
 * @param weight `[O, C / groups, kh, kw]`
 * @param bias `[O]`, optional.
 * @returns `[N, O, H', W']` with H' = ⌊(H + padding − dilation · (kh − 1) − 1) / stride⌋ + 1.
 * @throws ShapeError, DTypeError or AttributeError that names the mismatch.
 */
export function conv2d<A extends DType, B extends DType>(
  x: Tensor<A>,
  weight: Tensor<B>,
  bias?: Tensor,
  options: ConvOptions = {},
): Tensor<A & B & Float> {
  checkTensors("conv2d", x, weight, ...(bias === undefined ? [] : [bias]));
  return convolved("conv2d", x, weight, bias, optionsOf("conv2d", options, convOptions));
}

function convolved<A extends DType, B extends DType>(
  op: string,
  x: Tensor<A>,
  weight: Tensor<B>,
  bias: Tensor | undefined,
  options: Filled<ConvOptions, typeof convOptions>,
): Tensor<A & B & Float> {
  const kernel = weight.shape.slice(2);
  const geometry = geometryOf(op, kernel, options);
  checkOperands(op, x, weight, geometry.groups, "in");
  const size = outputSize(x.shape.slice(2), kernel, geometry);
  if (size.some((n) => n < 1))
    throw new ShapeError(`${op}: kernel ${showShape(kernel)} is larger than the padded input ${showShape(x.shape)}`);
  const { groups, stride, top, bottom, left, right } = geometry;
  const isPointwise = [...kernel, groups].every((n) => n === 1) && top + bottom + left + right === 0;
  if (!isPointwise) return withBias(op, correlate(x, weight, geometry, size), bias);
  // A 1×1 kernel is a matrix product for each image, over the elements at its positions.
  const met = slice(x, [[], [], [0, undefined, stride[0]], [0, undefined, stride[1]]]);
  const [n, c] = x.shape as [number, number];
  const product = matmul(reshape(weight, [weight.shape[0]!, c]), reshape(met, [n, c, size[0] * size[1]]));
  return reshape(withBias(op, product, bias), [n, weight.shape[0]!, ...size]);
}

interface LineOptions {
  readonly stride?: number;
  readonly padding?: number | readonly [number, number] | "same" | "valid";
  readonly dilation?: number;
  readonly groups?: number;
}

/** Options of a 1-D convolution. */
export const lineOptions = { stride: 1, padding: undefined, dilation: 1, groups: 1 };

/** The same options for an image with one row. */
export const alongLine = (
  op: string,
  { stride, padding = 0, dilation, groups }: Filled<LineOptions, typeof lineOptions>,
) => ({
  stride: [1, stride] as const,
  dilation: [1, dilation] as const,
  groups,
  padding: typeof padding === "string" ? padding : ([[0, 0], pair(op, "padding", padding, 0)] as const),
});

/**
 * 1-D convolution, with the options of `conv2d` as single numbers. @param x `[N, C, L]` @param weight `[O, C / groups,
 * k]` @param bias `[O]`, optional. @returns `[N, O, L']`
 */
export function conv1d<A extends DType, B extends DType>(
  x: Tensor<A>,
  weight: Tensor<B>,
  bias?: Tensor,
  options: LineOptions = {},
): Tensor<A & B & Float> {
  checkTensors("conv1d", x, weight, ...(bias === undefined ? [] : [bias]));
  if (x.shape.length !== 3 || weight.shape.length !== 3) {
    throw new ShapeError(
      `conv1d: input ${showShape(x.shape)} and weight ${showShape(weight.shape)} need three axes each`,
    );
  }
  const geometry = alongLine("conv1d", optionsOf("conv1d", options, lineOptions));
  const row = ([n, c, l]: readonly number[]): number[] => [n!, c!, 1, l!];
  checkWhole("conv1d", "groups", geometry.groups);
  checkChannels("conv1d", x, weight, geometry.groups, "in");
  const y = convolved("conv1d", reshape(x, row(x.shape)), reshape(weight, row(weight.shape)), bias, geometry);
  return reshape(y, [y.shape[0]!, y.shape[1]!, y.shape[3]!]);
}

/**
 * Transposed 2-D convolution: the gradient of `conv2d` with respect to its input, as an op of its own.
 * @param x `[N, C, H, W]`
 * @param weight `[C, O / groups, kh, kw]`
 * @param bias `[O]`, optional.
 * @param options those of `conv2d`, and `outputPadding`: rows and columns added at the end; default 0.
 * @returns `[N, O, H', W']` with H' = (H − 1) · stride − padding + dilation · (kh − 1) + outputPadding + 1.
 */
export function convTranspose2d<A extends DType, B extends DType>(
  x: Tensor<A>,
  weight: Tensor<B>,
  bias?: Tensor,
  options: ConvOptions & { readonly outputPadding?: number | readonly [number, number] } = {},
): Tensor<A & B & Float> {
  checkTensors("convTranspose2d", x, weight, ...(bias === undefined ? [] : [bias]));
  const kernel = weight.shape.slice(2);
  const all = optionsOf("convTranspose2d", options, { ...convOptions, outputPadding: undefined });
  const geometry = geometryOf("convTranspose2d", kernel, all);
  checkOperands("convTranspose2d", x, weight, geometry.groups, "out");
  const extra = extraOf("convTranspose2d", all.outputPadding, geometry);
  const { stride, dilation, top, bottom, left, right } = geometry;
  const size = [0, 1].map((axis) => {
    const pads = axis === 0 ? top + bottom : left + right;
    return (x.shape[axis + 2]! - 1) * stride[axis]! - pads + dilation[axis]! * (kernel[axis]! - 1) + extra[axis]! + 1;
  });
  if (size.some((n) => n < 1))
    throw new ShapeError(`convTranspose2d: the result of ${showShape(x.shape)} would be ${showShape(size)}`);
  return withBias("convTranspose2d", inputGrad(x, weight, geometry, size), bias);
}

/** Rows and columns that a transposed convolution adds at the end. */
export function extraOf(
  op: string,
  given: number | readonly [number, number] | undefined,
  { stride, dilation }: Geometry,
): readonly [number, number] {
  const extra = pair(op, "outputPadding", given === undefined ? 0 : given, 0);
  if (extra.every((n, axis) => n < Math.max(stride[axis]!, dilation[axis]!))) return extra;
  throw new AttributeError(`${op}: outputPadding is ${extra}, expected less than the stride or the dilation`);
}
