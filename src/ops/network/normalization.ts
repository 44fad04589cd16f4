import {
  AttributeError,
  checkLike,
  checkNumber,
  checkObject,
  checkWhole,
  counted,
  DTypeError,
  optionsOf,
  ShapeError,
} from "../../errors.ts";
import { checkShape, type DType, type Float, floats, sameShape, showShape, sizeOf } from "../../graph/shape.ts";
import {
  apply,
  checkTensor,
  checkTensors,
  type Op,
  type Spec,
  type Tensor,
  type Update,
  Variable,
} from "../../graph/tensor.ts";
import { kernelsOf } from "../../kernels/lowering.ts";
import { mean as meanOf, sum, variance as varianceOf, withoutOffset } from "../lines/reduce.ts";
import { evaluated, expand, reshape } from "../moves/views.ts";
import { add, cast, mul, sub } from "../pointwise/arithmetic.ts";
import { rsqrt } from "../pointwise/elementary.ts";
import { attributedOp, broadcast } from "../pointwise/pointwise.ts";
import { onesLike, zerosLike } from "../sources/constants.ts";
import { normalizeRows, rowsOf } from "./layerNorm.ts";

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

const checkEps = (op: string, eps: number): number => checkNumber(op, "eps", eps, "a number from 0", (n) => n >= 0);

/** Sizes of axes; a single one may be given as a number. */
const sizesOf = (op: string, shape: number | readonly number[]): readonly number[] =>
  checkShape(op, typeof shape === "number" ? [shape] : shape);

function checkAffine(
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
function channelsOf(op: string, { shape }: Tensor): number {
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
const alongChannels = (value: Tensor, x: Tensor): Tensor =>
  reshape(value, [value.shape[0]!, ...x.shape.slice(2).map(() => 1)]);

export interface RunningStatistics {
  /** Shape `[C]`. A variable is updated by every program that applies the layer in training. */
  readonly mean: Tensor;
  readonly variance: Tensor;
  /** Number of batches seen, i32 `[]`, if counted. */
  readonly batches?: Variable;
}

export interface BatchNormOptions extends Affine {
  /**
   * Whether to use the batch's own statistics; default false, but optimizers require an explicit choice: see `nn.Mode`.
   */
  readonly training?: boolean;
  /** Statistics that training updates and evaluation uses. */
  readonly running?: RunningStatistics | undefined;
  /** Weight of the batch in the new running statistics; default 0.1. */
  readonly momentum?: number;
}

/** All axes except the channels. */
const batchAxes = ({ shape }: Tensor): number[] => shape.map((_, axis) => axis).filter((axis) => axis !== 1);

const wide = (x: Tensor): Tensor => cast(x, "f32");

/** An op whose first operand may also be f16, as the result then is. The others are f32. */
const firstMayBeHalf = (op: Op): Op => ({
  ...op,
  infer([x, ...others], attrs) {
    if (!floats.includes(x!.dtype)) throw new DTypeError(`${op.name}: operand 0 is ${x!.dtype}, expected f32 or f16`);
    const [{ shape }] = op.infer([{ ...x!, dtype: "f32" }, ...others], attrs) as [Spec];
    return [{ shape, dtype: x!.dtype }];
  },
  kernels: { ...kernelsOf(op), precision: "first" },
});

/**
 * (x − mean) · rstd · weight + bias, where mean and rstd are statistics of x over `axes`. The gradient of x therefore
 * includes the paths through both: per element w · rstd · (dy − mean(dy) − h · mean(dy · h)), with h the normalised x.
 */
const batchNormOp: Op = /* @__PURE__ */ firstMayBeHalf(
  attributedOp<{ axes: readonly number[] }>(
    "batchNorm",
    ({ axes }) => ({
      wgsl: (x, mean, rstd, weight, bias) => `(${x} - ${mean}) * ${rstd} * ${weight} + ${bias}`,
      js: (x, mean, rstd, weight, bias) => (x! - mean!) * rstd! * weight! + bias!,
      takes: floats,
      vjp(dy, _, x, mean, rstd, weight) {
        const h = apply(batchNormOp, [x!, mean!, rstd!, onesLike(mean!), zerosLike(mean!)], { axes });
        const count = axes.reduce((n, axis) => n * x!.shape[axis]!, 1);
        // Keep the factor out of the sums, which then also serve as gradients of weight and bias.
        const total = (v: Tensor) => expand(sum(wide(v), axes, true), v.shape);
        const along = mul(dy, h);
        const dx = apply(batchNormGradOp, [dy, wide(h), mul(weight!, rstd!), total(dy), total(along)], { count });
        return [dx, undefined, undefined, wide(along), wide(dy)];
      },
    }),
    { flops: 5 },
  ),
);

/** scale · (dy − (Σdy + h · Σdy·h) / count): one op, so that f16 is read and written by one kernel. */
const batchNormGradOp: Op = /* @__PURE__ */ firstMayBeHalf(
  attributedOp<{ count: number }>(
    "batchNormGrad",
    ({ count }) => ({
      wgsl: (dy, h, scale, own, along) => `${scale} * (${dy} - (${own} + ${h} * ${along}) * F(${1 / count}))`,
      js: (dy, h, scale, own, along) => scale! * (dy! - (own! + h! * along!) / count),
      takes: floats,
      vjp(u, _, dy, h, scale, own, along) {
        const shift = mul(add(own!, mul(h!, along!)), 1 / count);
        const through = mul(wide(u), scale!);
        const toShift = mul(through, -1 / count);
        return [
          cast(through, dy!.dtype),
          mul(toShift, along!),
          mul(wide(u), sub(wide(dy!), shift)),
          toShift,
          mul(toShift, h!),
        ];
      },
    }),
    { flops: 5 },
  ),
);

/**
 * Mean and (uncorrected) variance of each channel in f32, in shapes that broadcast with x. Also x minus an offset, and
 * the mean of that: these keep their precision when the mean is much larger than the deviations.
 */
function batchStatistics(given: Tensor) {
  const x = wide(given);
  const axes = batchAxes(x);
  const { rest, offset } = withoutOffset(x, axes);
  const middle = meanOf(rest, axes, true);
  const variance = varianceOf(x, axes, { correction: 0, keepdim: true });
  return { mean: add(middle, offset), variance, rest, middle };
}

/**
 * The running statistics after a training step on x: (1 − momentum) · old + momentum · batch, where the batch's
 * variance has Bessel's correction. @throws ShapeError if a channel has a single value.
 */
export function nextStatistics(
  x: Tensor,
  running: Omit<RunningStatistics, "batches">,
  momentum = 0.1,
): { readonly mean: Tensor; readonly variance: Tensor } {
  checkObject("nextStatistics", "the running statistics", running, "{ mean, variance }");
  const { mean, variance } = running;
  checkTensors("nextStatistics", x, mean, variance);
  checkNumber("nextStatistics", "momentum", momentum, "a number");
  const channels = channelsOf("nextStatistics", x);
  checkAffine("nextStatistics", { mean, variance }, [channels]);
  const batch = batchStatistics(x);
  const count = sizeOf(x.shape) / channels;
  if (count === 1) throw new ShapeError(`nextStatistics: ${showShape(x.shape)} has one value per channel: no variance`);
  const blend = (old: Tensor, now: Tensor) =>
    add(old, mul(sub(cast(reshape(now, old.shape), old.dtype), old), momentum));
  return { mean: blend(mean, batch.mean), variance: blend(variance, mul(batch.variance, count / (count - 1))) };
}

/**
 * (x − mean) / √(variance + ε) · weight + bias for each channel (Ioffe & Szegedy, 2015). In training, the statistics
 * are those of the batch, over N and all positions; in evaluation, the running ones, as constants. If those are
 * variables, programs with the training form update them. One program may apply it to the same variables once. With f16
 * operands, statistics and arithmetic are f32, and the result is rounded once.
 *
 * @param x `[N, C, …]`
 * @param options weight and bias `[C]`; ε: default 1e-5.
 * @throws ShapeError in training if a channel has a single value.
 * @throws AttributeError in evaluation without running statistics.
 */
export function batchNorm<D extends DType>(x: Tensor<D>, options: BatchNormOptions = {}): Tensor<D & Float> {
  checkTensors("batchNorm", x);
  const { weight, bias, eps, training, running, momentum } = optionsOf("batchNorm", options, {
    weight: undefined,
    bias: undefined,
    eps: 1e-5,
    training: undefined,
    running: undefined,
    momentum: 0.1,
  });
  if (training !== undefined) checkLike("batchNorm", "training", training, true);
  const channels = channelsOf("batchNorm", x);
  checkEps("batchNorm", eps);
  checkNumber("batchNorm", "momentum", momentum, "a number");
  checkAffine("batchNorm", { weight, bias }, [channels]);
  if (running !== undefined) {
    checkObject("batchNorm", "running", running, "{ mean, variance }");
    checkTensors("batchNorm: running", running.mean, running.variance);
    checkAffine("batchNorm", { "running.mean": running.mean, "running.variance": running.variance }, [channels]);
  }
  if (!training) {
    if (!running) throw new AttributeError("batchNorm: evaluation needs running statistics");
    const factor = rsqrt(add(wide(running.variance), eps));
    const scale = weight ? mul(factor, wide(weight)) : factor;
    const y = mul(sub(wide(x), alongChannels(wide(running.mean), x)), alongChannels(scale, x));
    const shifted = cast(bias ? add(y, alongChannels(wide(bias), x)) : y, x.dtype as D & Float);
    return training === undefined ? evaluated(shifted, "batchNorm") : shifted;
  }
  if (sizeOf(x.shape) === channels)
    throw new ShapeError(`batchNorm: ${showShape(x.shape)} has one value per channel: nothing to train on`);
  const { mean, variance, rest, middle } = batchStatistics(x);
  const rstd = rsqrt(add(variance, eps));
  // An f16 number minus an f32 mean loses nothing.
  const operands = broadcast("batchNorm", [
    ...(x.dtype === "f16" ? [x, mean] : [rest, middle]),
    rstd,
    weight ? alongChannels(wide(weight), x) : onesLike(rstd),
    bias ? alongChannels(wide(bias), x) : zerosLike(rstd),
  ]);
  return apply(batchNormOp, operands, { axes: batchAxes(x) }, running ? updatesOf(x, running, momentum) : []);
}

function updatesOf(x: Tensor, running: RunningStatistics, momentum: number): Update[] {
  const next = nextStatistics(x, running, momentum);
  const updates: Update[] = [];
  if (running.mean instanceof Variable) updates.push([running.mean, next.mean]);
  if (running.variance instanceof Variable) updates.push([running.variance, next.variance]);
  if (running.batches) updates.push([running.batches, add(running.batches, 1)]);
  return updates;
}
