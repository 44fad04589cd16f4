import {
  AttributeError,
  checkLike,
  checkNumber,
  checkObject,
  DTypeError,
  optionsOf,
  ShapeError,
} from "../../errors.ts";
import { type DType, type Float, floats, showShape, sizeOf } from "../../graph/shape.ts";
import { apply, checkTensors, type Op, type Spec, type Tensor, type Update, Variable } from "../../graph/tensor.ts";
import { kernelsOf } from "../../kernels/lowering.ts";
import { mean as meanOf, sum, variance as varianceOf, withoutOffset } from "../lines/reduce.ts";
import { evaluated, expand, reshape } from "../moves/views.ts";
import { add, cast, mul, sub } from "../pointwise/arithmetic.ts";
import { rsqrt } from "../pointwise/elementary.ts";
import { attributedOp, broadcast } from "../pointwise/pointwise.ts";
import { onesLike, zerosLike } from "../sources/constants.ts";
import { type Affine, alongChannels, channelsOf, checkAffine, checkEps } from "./normalization.ts";

/** Statistics of many batches, kept for evaluation. */
export interface RunningStatistics {
  /** Shape `[C]`. A variable is updated by every program that applies the layer in training. */
  readonly mean: Tensor;
  readonly variance: Tensor;
  /** Number of batches seen, i32 `[]`, if counted. */
  readonly batches?: Variable;
}

/** Which statistics batch normalisation uses, and what follows it. */
export interface BatchNormOptions extends Affine {
  /**
   * Whether to use the batch's own statistics; default false, but optimizers require an explicit choice: see `nn.Mode`.
   */
  readonly training?: boolean;
  /** Statistics that training updates and evaluation uses; default none: both use those of the batch. */
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
 * variance has Bessel's correction. @param momentum default 0.1. @throws ShapeError if a channel has a single value.
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
