import { AttributeError, checkWhole, optionsOf, show } from "../errors.ts";
import { sizeOf } from "../graph/shape.ts";
import type { Variable } from "../graph/tensor.ts";
import { type InterpolateOptions, interpolate, resizingOf } from "../ops/moves/interpolate.ts";
import * as conv from "../ops/network/conv.ts";
import * as pool from "../ops/network/pool.ts";
import { variable } from "../ops/sources/constants.ts";
import { type Initializer, uniform } from "./init.ts";
import { type Module, module, plain } from "./module.ts";

interface Filters {
  /** Whether to add a bias; default true. */
  readonly bias?: boolean;
  /** Initial values of weight and bias; default uniform within ±1/√(fan in), as in PyTorch. */
  readonly weightInit?: Initializer;
  readonly biasInit?: Initializer;
}

/** Options of all convolutions. The default initial values depend on the size. */
const filterOptions = { bias: true, weightInit: undefined, biasInit: undefined };

/** Weight and bias of a convolution. @param fanIn number of inputs to one output. */
function filters(op: string, shape: readonly number[], outputs: number, fanIn: number, options: Filters) {
  const fallback = uniform(1 / Math.sqrt(fanIn));
  const { bias, weightInit, biasInit } = optionsOf(op, options, {
    bias: true,
    weightInit: fallback,
    biasInit: fallback,
  });
  const weight = variable(weightInit(shape), shape, { name: "weight" });
  const shift = bias ? variable(biasInit([outputs]), [outputs], { name: "bias" }) : undefined;
  const variables: Record<string, Variable> = shift ? { weight, bias: shift } : { weight };
  return { weight, shift, variables };
}

/** Shape of a convolution's weight: `outer` channels, one group's share of the `inner` channels, and the kernel. */
function weightShape(op: string, outer: number, inner: number, kernel: readonly number[], groups: number): number[] {
  checkWhole(op, "channels", inner);
  checkWhole(op, "channels", outer);
  const inGroup = inner / groups;
  const shape = [outer, inGroup, ...kernel];
  if (shape.every((n) => Number.isInteger(n) && n > 0)) return shape;
  throw new AttributeError(
    `${op}: channels and kernel sizes give a weight of ${show(shape)}, expected whole numbers from 1`,
  );
}

/**
 * 2-D convolution: `[N, inputs, H, W]` → `[N, outputs, H', W']`.
 * Variables `weight` `[outputs, inputs / groups, kh, kw]`, `bias`.
 * @param kernelSize one number, or [vertical, horizontal]. @param options see `ConvOptions`.
 */
export function conv2d(
  inputs: number,
  outputs: number,
  kernelSize: number | readonly [number, number],
  options: conv.ConvOptions & Filters = {},
): Module {
  const op = "nn.conv2d";
  const { bias, weightInit, biasInit, ...geometry } = optionsOf(op, options, { ...filterOptions, ...conv.convOptions });
  const kernel = conv.pair(op, "kernel size", kernelSize);
  conv.geometryOf(op, kernel, geometry);
  const shape = weightShape(op, outputs, inputs, kernel, geometry.groups);
  const own = { bias, weightInit, biasInit };
  const { weight, shift, variables } = filters(op, shape, outputs, sizeOf(shape.slice(1)), own);
  return module((x) => conv.conv2d(x, weight, shift, geometry), variables, op, [
    inputs,
    outputs,
    kernelSize,
    { bias, ...geometry },
  ]);
}

/**
 * 1-D convolution: `[N, inputs, L]` → `[N, outputs, L']`. Variables `weight` `[outputs, inputs / groups, k]`, `bias`.
 */
export function conv1d(
  inputs: number,
  outputs: number,
  kernelSize: number,
  options: NonNullable<Parameters<typeof conv.conv1d>[3]> & Filters = {},
): Module {
  const op = "nn.conv1d";
  const all = optionsOf(op, options, { ...filterOptions, ...conv.lineOptions });
  const { bias, weightInit, biasInit, ...geometry } = all;
  checkWhole(op, "kernel size", kernelSize);
  conv.geometryOf(op, [1, kernelSize], conv.alongLine(op, geometry));
  const shape = weightShape(op, outputs, inputs, [kernelSize], geometry.groups);
  const own = { bias, weightInit, biasInit };
  const { weight, shift, variables } = filters(op, shape, outputs, sizeOf(shape.slice(1)), own);
  return module((x) => conv.conv1d(x, weight, shift, geometry), variables, op, [
    inputs,
    outputs,
    kernelSize,
    { bias, ...geometry },
  ]);
}

/**
 * Transposed 2-D convolution: `[N, inputs, H, W]` → `[N, outputs, H', W']`.
 * Variables `weight` `[inputs, outputs / groups, kh, kw]`, `bias`.
 */
export function convTranspose2d(
  inputs: number,
  outputs: number,
  kernelSize: number | readonly [number, number],
  options: NonNullable<Parameters<typeof conv.convTranspose2d>[3]> & Filters = {},
): Module {
  const op = "nn.convTranspose2d";
  const { bias, weightInit, biasInit, ...geometry } = optionsOf(op, options, {
    ...filterOptions,
    ...conv.convOptions,
    outputPadding: undefined,
  });
  const kernel = conv.pair(op, "kernel size", kernelSize);
  conv.extraOf(op, geometry.outputPadding, conv.geometryOf(op, kernel, geometry));
  const shape = weightShape(op, inputs, outputs, kernel, geometry.groups);
  const own = { bias, weightInit, biasInit };
  const { weight, shift, variables } = filters(op, shape, outputs, sizeOf(shape.slice(1)), own);
  return module((x) => conv.convTranspose2d(x, weight, shift, geometry), variables, op, [
    inputs,
    outputs,
    kernelSize,
    { bias, ...geometry },
  ]);
}

/**
 * Max pooling. @param kernelSize one number, or [vertical, horizontal]. @param options stride (default the kernel
 * size), padding, dilation, ceilMode.
 */
export function maxPool2d(...args: Tail<typeof pool.maxPool2d>): Module {
  pool.maxWindowOf("nn.maxPool2d", ...args);
  return plain("nn.maxPool2d", (x) => pool.maxPool2d(x, ...args), ...args);
}

/**
 * Average pooling. @param kernelSize one number, or [vertical, horizontal]. @param options stride (default the kernel
 * size), padding, ceilMode, divisor.
 */
export function avgPool2d(...args: Tail<typeof pool.avgPool2d>): Module {
  pool.avgWindowOf("nn.avgPool2d", ...args);
  return plain("nn.avgPool2d", (x) => pool.avgPool2d(x, ...args), ...args);
}

/** Average pooling to a given size. @param outputSize default 1: the mean over each image. */
export function adaptiveAvgPool2d(...args: Tail<typeof pool.adaptiveAvgPool2d>): Module {
  conv.pair("nn.adaptiveAvgPool2d", "output size", args[0] === undefined ? 1 : args[0]);
  return plain("nn.adaptiveAvgPool2d", (x) => pool.adaptiveAvgPool2d(x, ...args), ...args);
}

/**
 * Images of another size: `[N, C, H, W]` → `[N, C, H', W']`, as `interpolate`. @param options size or scaleFactor; mode,
 * default "nearest", or "bilinear"; alignCorners, default false.
 */
export function upsample(options: InterpolateOptions): Module {
  resizingOf("nn.upsample", options);
  return plain("nn.upsample", (x) => interpolate(x, options), options);
}

type Tail<F> = F extends (first: never, ...rest: infer R) => unknown ? R : never;
