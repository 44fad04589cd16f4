import { AttributeError, checkNumber, checkWhole, counted, optionsOf, ShapeError } from "../errors.ts";
import { checkShape, showShape } from "../graph/shape.ts";
import { checkTensors, type Tensor, type Variable } from "../graph/tensor.ts";
import { detach } from "../ops/moves/views.ts";
import * as batches from "../ops/network/batchNorm.ts";
import * as ops from "../ops/network/normalization.ts";
import { variable } from "../ops/sources/constants.ts";
import { type Mode, type Module, module } from "./module.ts";

/** Options that all normalisations share. */
export interface NormOptions {
  /** Added to the variance before the square root; default 1e-5. */
  readonly eps?: number;
  /** Whether to scale by a weight; default true. */
  readonly affine?: boolean;
  /** Whether to add a bias after the weight; default true. */
  readonly bias?: boolean;
}

/** Weight and bias with PyTorch's initial values, ones and zeros. */
function affine(shape: readonly number[], weighted: boolean, shifted: boolean) {
  const filled = (name: string, value: number) => variable(value, shape, { name });
  const weight = weighted ? filled("weight", 1) : undefined;
  const bias = weighted && shifted ? filled("bias", 0) : undefined;
  return { weight, bias };
}

/** The variables that exist, by name. */
const present = (variables: Readonly<Record<string, Variable | undefined>>): Map<string, Variable> =>
  new Map(Object.entries(variables).flatMap(([name, variable]) => (variable ? [[name, variable]] : [])));

/** Checks rank and channels, as PyTorch's layer of the same name does. */
function checkRank(layer: string, x: Tensor, channels: number, ranks: readonly number[]): void {
  checkTensors(`nn.${layer}`, x);
  if (ranks.includes(x.shape.length) && x.shape[1] === channels) return;
  const forms = ranks.map((rank) => `[N, ${[channels, "L", "W"].slice(0, rank - 1).join(", ")}]`);
  const expected = ranks.includes(4) ? `[N, ${channels}, H, W]` : forms.join(" or ");
  throw new ShapeError(`nn.${layer}: input is ${showShape(x.shape)}, expected ${expected}`);
}

/** Fills in the defaults of normalisations. */
const normOptionsOf = (op: string, options: NormOptions, defaults?: Partial<Required<NormOptions>>) =>
  optionsOf(op, options, { eps: 1e-5, affine: true, bias: true, ...defaults });

/** A shape, which may be a single number. */
const sizesOf = (op: string, shape: number | readonly number[]): readonly number[] =>
  checkShape(op, typeof shape === "number" ? [shape] : shape);

const checkEps = (op: string, eps: number): number => checkNumber(op, "eps", eps, "a number from 0", (n) => n >= 0);

/**
 * Layer normalisation over the last axes. Variables `weight` (ones at first) and `bias` (zeros).
 * @param shape sizes of the normalised axes, or the size of the last one.
 */
export function layerNorm(shape: number | readonly number[], options: NormOptions = {}): Module {
  const over = sizesOf("nn.layerNorm", shape);
  const { eps, affine: weighted, bias: shifted } = normOptionsOf("nn.layerNorm", options);
  checkEps("nn.layerNorm", eps);
  const { weight, bias } = affine(over, weighted, shifted);
  return module((x) => ops.layerNorm(x, over, { weight, bias, eps }), present({ weight, bias }), "nn.layerNorm", [
    over,
    { eps, affine: weighted, bias: shifted },
  ]);
}

/** RMS normalisation over the last axes. Variable `weight`, ones at first. @param options `eps` defaults to 2⁻²³. */
export function rmsNorm(shape: number | readonly number[], options: Omit<NormOptions, "bias"> = {}): Module {
  const over = sizesOf("nn.rmsNorm", shape);
  const { eps, affine: weighted } = optionsOf("nn.rmsNorm", options, { eps: 2 ** -23, affine: true });
  checkEps("nn.rmsNorm", eps);
  const { weight } = affine(over, weighted, false);
  return module((x) => ops.rmsNorm(x, over, { weight, eps }), present({ weight }), "nn.rmsNorm", [
    over,
    { eps, affine: weighted },
  ]);
}

/** Normalisation of groups of channels: `[N, channels, …]`. Variables `weight` and `bias` `[channels]`. */
export function groupNorm(groups: number, channels: number, options: NormOptions = {}): Module {
  checkWhole("nn.groupNorm", "channels", channels);
  if (channels % checkWhole("nn.groupNorm", "groups", groups) !== 0)
    throw new AttributeError(
      `nn.groupNorm: cannot divide ${counted(channels, "channel")} into ${counted(groups, "group")}`,
    );
  const { eps, affine: weighted, bias: shifted } = normOptionsOf("nn.groupNorm", options);
  checkEps("nn.groupNorm", eps);
  const { weight, bias } = affine([channels], weighted, shifted);
  return module((x) => ops.groupNorm(x, groups, { weight, bias, eps }), present({ weight, bias }), "nn.groupNorm", [
    groups,
    channels,
    { eps, affine: weighted, bias: shifted },
  ]);
}

/**
 * Normalisation of each channel of each image: `[N, channels, H, W]`. @param options `affine` defaults to false, as in
 * PyTorch.
 */
export function instanceNorm2d(channels: number, options: NormOptions = {}): Module {
  checkWhole("nn.instanceNorm2d", "channels", channels);
  const all = normOptionsOf("nn.instanceNorm2d", options, { affine: false });
  const eps = checkEps("nn.instanceNorm2d", all.eps);
  const { weight, bias } = affine([channels], all.affine, all.bias);
  const forward = (x: Tensor): Tensor => {
    checkRank("instanceNorm2d", x, channels, [4]);
    return ops.instanceNorm(x, { weight, bias, eps });
  };
  return module(forward, present({ weight, bias }), "nn.instanceNorm2d", [channels, all]);
}

/** Options of batch normalisation. */
export interface BatchNormLayerOptions extends NormOptions {
  /** Weight of the batch in the new running statistics; default 0.1. */
  readonly momentum?: number;
  /** Whether to keep running statistics; without them, evaluation also uses those of the batch. Default true. */
  readonly trackRunningStats?: boolean;
}

/**
 * Batch normalisation of `[N, channels]` or `[N, channels, L]`. Variables `weight`, `bias`, and the statistics that
 * training programs update: `running_mean`, `running_var`, `num_batches_tracked` (i32; I64 in files, as in PyTorch).
 */
export const batchNorm1d = (channels: number, options: BatchNormLayerOptions = {}): Module =>
  batchNorm("batchNorm1d", channels, [2, 3], options);

/** The same for images, `[N, channels, H, W]`. */
export const batchNorm2d = (channels: number, options: BatchNormLayerOptions = {}): Module =>
  batchNorm("batchNorm2d", channels, [4], options);

function batchNorm(layer: string, channels: number, ranks: readonly number[], options: BatchNormLayerOptions): Module {
  const op = `nn.${layer}`;
  checkWhole(op, "channels", channels);
  const all = optionsOf(op, options, { eps: 1e-5, affine: true, bias: true, momentum: 0.1, trackRunningStats: true });
  const { eps, momentum, trackRunningStats } = all;
  checkEps(op, eps);
  checkNumber(op, "momentum", momentum, "a number from 0 to 1", (n) => n >= 0 && n <= 1);
  const { weight, bias } = affine([channels], all.affine, all.bias);
  // Not in the group of parameters: no optimizer may change them.
  const statistic = (name: string, value: number) => variable(value, [channels], { name, group: "running statistics" });
  const running = trackRunningStats
    ? {
        mean: statistic("running_mean", 0),
        variance: statistic("running_var", 1),
        batches: variable(0, [], { name: "num_batches_tracked", group: "batches tracked", dtype: "i32" }),
      }
    : undefined;
  const forward = (x: Tensor, mode: Mode): Tensor => {
    checkRank(layer, x, channels, ranks);
    // A frozen layer is in evaluation mode whatever the caller says, as in Keras.
    const training = !running || (!running.mean.frozen && (mode.training ?? false));
    // Constant in evaluation, so that the gradient of all variables does not train them.
    const kept = training ? running : { mean: detach(running.mean), variance: detach(running.variance) };
    return batches.batchNorm(x, { weight, bias, eps, momentum, training, running: kept });
  };
  const named = {
    weight,
    bias,
    running_mean: running?.mean,
    running_var: running?.variance,
    num_batches_tracked: running?.batches,
  };
  return module(forward, present(named), op, [channels, all]);
}
