import { AttributeError, checkNumber, checkWhole, counted, optionsOf, ShapeError } from "../../errors.ts";
import { checkShape, type DType, type Float, sameShape, showShape, sizeOf } from "../../graph/shape.ts";
import { checkTensor, checkTensors, type Tensor } from "../../graph/tensor.ts";
import { reshape } from "../moves/views.ts";
import { add } from "../pointwise/arithmetic.ts";
import { normalizeRows, rowsOf } from "./layerNorm.ts";

/** What a normalisation does to its result. */
export interface Affine {
  /** Factor of the normalised values; default 1. */
  readonly weight?: Tensor | undefined;
  /** Added to the scaled values; default 0. */
  readonly bias?: Tensor | undefined;
  /** Added to the variance (or mean square) inside the square root. */
  readonly eps?: number;
}

/** Normalises rows of any tensor. A bias without a weight is left to the caller. */
function rows<D extends DType>(
  x: Tensor<D>,
  attrs: { kind: "layer" | "rms"; eps: number; groups: number; spread: number },
  size: readonly [rows: number, length: number],
  { weight, bias }: Affine,
): Tensor<D & Float> {
  const y = normalizeRows(attrs, reshape(x, size), weight, bias);
  return reshape(y, x.shape);
}

/** Checks the arguments and fills in defaults. */
function affineOf(op: string, x: Tensor, options: Affine, eps = 1e-5) {
  checkTensors(op, x);
  const all = optionsOf(op, options, { weight: undefined, bias: undefined, eps });
  checkEps(op, all.eps);
  return all;
}

export const checkEps = (op: string, eps: number): number =>
  checkNumber(op, "eps", eps, "a number from 0", (n) => n >= 0);

/** Sizes of axes; a single one may be given as a number. */
const sizesOf = (op: string, shape: number | readonly number[]): readonly number[] =>
  checkShape(op, typeof shape === "number" ? [shape] : shape);

export function checkAffine(
  op: string,
  tensors: Readonly<Record<string, Tensor | undefined>>,
  shape: readonly number[],
): void {
  for (const [name, tensor] of Object.entries(tensors)) {
    if (tensor === undefined) continue;
    checkTensor(op, name, tensor);
    if (!sameShape(tensor.shape, shape))
      throw new ShapeError(`${op}: ${name} is ${showShape(tensor.shape)}, expected ${showShape(shape)}`);
  }
}

/** The size of axis 1. */
export function channelsOf(op: string, { shape }: Tensor): number {
  if (shape.length < 2) throw new ShapeError(`${op}: input is ${showShape(shape)}, expected [N, C, …]`);
  return shape[1]!;
}

/** How many leading axes are not normalised. */
function leadingOf(op: string, x: Tensor, shape: readonly number[]): number {
  const leading = x.shape.length - shape.length;
  if (shape.length === 0 || leading < 0 || !sameShape(x.shape.slice(leading), shape))
    throw new ShapeError(`${op}: input is ${showShape(x.shape)}, expected […, ${shape.join(", ")}]`);
  return leading;
}

/**
 * (x − mean) / √(variance + ε) · weight + bias over the last axes of each sample (Ba, Kiros & Hinton, 2016). The
 * variance is not corrected, and is computed from deviations, so a large common offset costs no precision. With f16
 * operands, statistics and arithmetic are f32, and the result is rounded once.
 * @param shape sizes of the normalised axes, or the size of the last axis.
 * @param options weight and bias of that shape; ε: default 1e-5.
 */
export function layerNorm<D extends DType>(
  x: Tensor<D>,
  shape: number | readonly number[],
  options: Affine = {},
): Tensor<D & Float> {
  const { weight, bias, eps } = affineOf("layerNorm", x, options);
  const over = sizesOf("layerNorm", shape);
  const size = rowsOf(x, leadingOf("layerNorm", x, over));
  checkAffine("layerNorm", { weight, bias }, over);
  const y = rows(x, { kind: "layer", eps, groups: 1, spread: 1 }, size, { weight, bias });
  return bias && !weight ? add(y, bias) : y;
}

/**
 * x / √(mean(x²) + ε) · weight over the last axes (Zhang & Sennrich, 2019).
 * @param shape sizes of the normalised axes, or the size of the last axis.
 * @param options weight of that shape; ε: default 2⁻²³, as in PyTorch.
 */
export function rmsNorm<D extends DType>(
  x: Tensor<D>,
  shape: number | readonly number[],
  options: Omit<Affine, "bias"> = {},
): Tensor<D & Float> {
  checkTensors("rmsNorm", x);
  const { weight, eps } = optionsOf("rmsNorm", options, { weight: undefined, eps: 2 ** -23 });
  const over = sizesOf("rmsNorm", shape);
  const size = rowsOf(x, leadingOf("rmsNorm", x, over));
  checkEps("rmsNorm", eps);
  checkAffine("rmsNorm", { weight }, over);
  return rows(x, { kind: "rms", eps, groups: 1, spread: 1 }, size, { weight });
}

/**
 * Normalises each sample over groups of adjacent channels and all positions (Wu & He, 2018).
 * @param x `[N, C, …]`
 * @param groups a divisor of C.
 * @param options weight and bias `[C]`; ε: default 1e-5.
 */
export function groupNorm<D extends DType>(x: Tensor<D>, groups: number, options: Affine = {}): Tensor<D & Float> {
  return perChannel("groupNorm", x, groups, options);
}

/** Group normalisation with one group per channel (Ulyanov, Vedaldi & Lempitsky, 2016). @param x `[N, C, …]` */
export const instanceNorm = <D extends DType>(x: Tensor<D>, options: Affine = {}): Tensor<D & Float> =>
  perChannel("instanceNorm", x, undefined, options);

function perChannel<D extends DType>(
  op: string,
  x: Tensor<D>,
  own: number | undefined,
  options: Affine,
): Tensor<D & Float> {
  const { weight, bias, eps } = affineOf(op, x, options);
  const channels = channelsOf(op, x);
  const batch = x.shape[0]!;
  const groups = own === undefined ? channels : checkWhole(op, "groups", own);
  if (channels % groups !== 0)
    throw new AttributeError(`${op}: cannot divide ${counted(channels, "channel")} into ${counted(groups, "group")}`);
  checkAffine(op, { weight, bias }, [channels]);
  const spread = sizeOf(x.shape.slice(2));
  const size = [batch! * groups, (channels / groups) * spread] as const;
  const y = rows(x, { kind: "layer", eps, groups, spread }, size, { weight, bias });
  return bias && !weight ? add(y, alongChannels(bias, x)) : y;
}

/** A value per channel, with axes of size 1 for the positions. */
export const alongChannels = (value: Tensor, x: Tensor): Tensor =>
  reshape(value, [value.shape[0]!, ...x.shape.slice(2).map(() => 1)]);
