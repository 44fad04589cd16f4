import { checkHas, DTypeError, refuse, ShapeError } from "../errors.ts";
import { checkValue, floats, type Shape, showShape } from "../graph/shape.ts";
import { checkTensors, type Tensor } from "../graph/tensor.ts";
import { random } from "../nn/init.ts";
import { type Mode, type Module, module } from "../nn/module.ts";
import { constant } from "../ops/sources/constants.ts";
import type { Random } from "../ops/sources/random.ts";

/** Options of layers that draw random numbers. */
export interface Drawing {
  /** Where random numbers come from; default the source shared by all layers, seeded by `nn.seed`. */
  readonly source?: Random;
}

/** Options of layers that move images. */
export interface Filling {
  /** What is outside of the image: a number, or one for each channel; default 0. */
  readonly fill?: number | readonly number[];
}

/** The source of a layer's random numbers, after a check. */
export function sourceOf(op: string, source: Random | undefined): Random {
  checkHas(op, "source", source, "uniform", "a Random");
  return source ?? random();
}

/** Fill values after a check. */
export function fillOf(op: string, fill: number | readonly number[]): readonly number[] {
  if (typeof fill === "number") return [checkValue(op, "fill", fill, "f32")];
  if (!Array.isArray(fill) || fill.length === 0) refuse(op, "fill", fill, "a number, or one for each channel");
  return fill.map((value, i) => checkValue(op, `fill[${i}]`, value, "f32"));
}

/** Fill values of the channels of some images. @throws ShapeError for another number of channels. */
export function fillsOf(op: string, fill: readonly number[], x: Tensor): Tensor<"f32"> {
  const channels = x.shape[1]!;
  if (fill.length > 1 && fill.length !== channels)
    throw new ShapeError(`${op}: fill has ${fill.length} values for ${channels} channels`);
  return constant(
    Float32Array.from({ length: channels }, (_, c) => fill[c % fill.length]!),
    [channels],
  );
}

/**
 * A layer that changes images in training.
 * @param op the function that makes it. @param args the arguments that make it again, but for a source.
 * @param act what it does to images. @param idle what it does in evaluation; default nothing.
 */
export function augmentation(
  op: string,
  args: readonly unknown[],
  act: (x: Tensor) => Tensor,
  idle: (x: Tensor) => Tensor = (x) => x,
): Module {
  const forward = (x: Tensor, mode: Mode): Tensor => {
    checkTensors(op, x);
    if (!floats.includes(x.dtype)) throw new DTypeError(`${op}: x is ${x.dtype}, expected f32 or f16`);
    return mode.training ? act(x) : idle(x);
  };
  return module(forward, {}, op, args);
}

/** Refuses anything but images `[N, C, H, W]`. */
export function checkImages(op: string, x: Tensor): readonly [n: number, c: number, h: number, w: number] {
  if (x.shape.length !== 4) throw new ShapeError(`${op}: x is ${showShape(x.shape)}, expected [N, C, H, W]`);
  return x.shape as Shape & readonly [number, number, number, number];
}
