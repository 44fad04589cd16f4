import { AttributeError } from "../errors.ts";
import { sizeOf } from "../graph/shape.ts";
import type { Variable } from "../graph/tensor.ts";
import { variable } from "../ops/constants.ts";
import * as conv from "../ops/conv.ts";
import * as pool from "../ops/pool.ts";
import { type Initializer, uniform } from "./init.ts";
import { type Module, module, stateless } from "./module.ts";

interface Filters {
  /** Whether there is a bias; default true. */
  readonly bias?: boolean;
  /** First values of weight and bias; default uniform within ±1/√(fan in), as in PyTorch. */
  readonly weightInit?: Initializer;
  readonly biasInit?: Initializer;
}

/** Weight and bias of a convolution. @param fanIn inputs of one output. */
function filters(layer: string, shape: readonly number[], outputs: number, fanIn: number, options: Filters) {
  const bad = [...shape, outputs].find((n) => !Number.isInteger(n) || n < 1);
  if (bad !== undefined) {
    throw new AttributeError(
      `nn.${layer}: channels and kernel sizes give a weight of [${shape.join(", ")}], expected whole numbers from 1`,
    );
  }
  const fallback = uniform(1 / Math.sqrt(fanIn));
  const { bias = true, weightInit = fallback, biasInit = fallback } = options;
  const weight = variable(weightInit(shape), shape, { name: "weight" });
  const shift = bias ? variable(biasInit([outputs]), [outputs], { name: "bias" }) : undefined;
  const variables: Record<string, Variable> = shift ? { weight, bias: shift } : { weight };
  return { weight, shift, variables };
}

const pair = (value: number | readonly [number, number]): readonly [number, number] =>
  typeof value === "number" ? [value, value] : value;

/**
 * 2-D convolution: `[N, inputs, H, W]` → `[N, outputs, H', W']`. Variables `weight` `[outputs, inputs / groups, kh, kw]`, `bias`.
 * @param kernelSize one number, or [vertical, horizontal]. @param options see `ConvOptions`.
 */
export function conv2d(
  inputs: number,
  outputs: number,
  kernelSize: number | readonly [number, number],
  options: conv.ConvOptions & Filters = {},
): Module {
  const perGroup = inputs / (options.groups ?? 1);
  const shape = [outputs, perGroup, ...pair(kernelSize)];
  const { weight, shift, variables } = filters("conv2d", shape, outputs, sizeOf(shape.slice(1)), options);
  return module((x) => conv.conv2d(x, weight, shift, options), variables);
}

/** 1-D convolution: `[N, inputs, L]` → `[N, outputs, L']`. Variables `weight` `[outputs, inputs / groups, k]`, `bias`. */
export function conv1d(
  inputs: number,
  outputs: number,
  kernelSize: number,
  options: NonNullable<Parameters<typeof conv.conv1d>[3]> & Filters = {},
): Module {
  const shape = [outputs, inputs / (options.groups ?? 1), kernelSize];
  const { weight, shift, variables } = filters("conv1d", shape, outputs, sizeOf(shape.slice(1)), options);
  return module((x) => conv.conv1d(x, weight, shift, options), variables);
}

/**
 * Transposed 2-D convolution: `[N, inputs, H, W]` → `[N, outputs, H', W']`. Variables `weight` `[inputs, outputs / groups, kh, kw]`,
 * `bias`.
 */
export function convTranspose2d(
  inputs: number,
  outputs: number,
  kernelSize: number | readonly [number, number],
  options: NonNullable<Parameters<typeof conv.convTranspose2d>[3]> & Filters = {},
): Module {
  const shape = [inputs, outputs / (options.groups ?? 1), ...pair(kernelSize)];
  const { weight, shift, variables } = filters("convTranspose2d", shape, outputs, sizeOf(shape.slice(1)), options);
  return module((x) => conv.convTranspose2d(x, weight, shift, options), variables);
}

/** @param kernelSize one number, or [vertical, horizontal]. @param options stride (default the kernel size), padding, dilation, ceilMode. */
export const maxPool2d = (...args: Tail<typeof pool.maxPool2d>): Module => stateless((x) => pool.maxPool2d(x, ...args));

/** @param kernelSize one number, or [vertical, horizontal]. @param options stride (default the kernel size), padding, ceilMode, divisor. */
export const avgPool2d = (...args: Tail<typeof pool.avgPool2d>): Module => stateless((x) => pool.avgPool2d(x, ...args));

/** @param outputSize default 1: the mean over each image. */
export const adaptiveAvgPool2d = (...args: Tail<typeof pool.adaptiveAvgPool2d>): Module =>
  stateless((x) => pool.adaptiveAvgPool2d(x, ...args));

type Tail<F> = F extends (first: never, ...rest: infer R) => unknown ? R : never;
