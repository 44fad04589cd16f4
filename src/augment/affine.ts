import { checkNumber, optionsOf, refuse } from "../errors.ts";
import type { Tensor } from "../graph/tensor.ts";
import type { Module } from "../nn/module.ts";
import { stack } from "../ops/moves/join.ts";
import { add, div, mul, neg, sub } from "../ops/pointwise/arithmetic.ts";
import { cos, sin } from "../ops/pointwise/elementary.ts";
import { full } from "../ops/sources/constants.ts";
import { augmentation, checkImages, type Drawing, type Filling, fillOf, fillsOf, sourceOf } from "./layer.ts";
import { sampleImages } from "./sample.ts";

/** From one number to another. */
export type Interval = readonly [low: number, high: number];

export interface AffineOptions extends Drawing, Filling {
  /** Angles of rotation in degrees, from −360 to 360: a number d for −d to d, or an interval; default 0. */
  readonly degrees?: number | Interval;
  /** Largest shifts as shares of width and height, each from 0 to 1, in both directions; default [0, 0]. */
  readonly translate?: readonly [x: number, y: number];
  /** Factors of size, from 0.01 to 100; default [1, 1]. */
  readonly scale?: Interval;
  /** Angles of horizontal shear in degrees, from −80 to 80, as `degrees`; default 0. */
  readonly shear?: number | Interval;
}

/**
 * In training, rotates, shifts, scales and shears each image by amounts of its own, drawn anew in each step, by bilinear
 * interpolation. Does nothing in evaluation. `[N, C, H, W]` → the same.
 *
 * As torchvision's `RandomAffine`, but for three things: every image of a batch has its own draws, shifts need not be
 * whole pixels, and interpolation is bilinear by default there only in `rotate`. Differentiable with respect to the
 * images. Positions are f32: results differ from the same in float64 by a few 10⁻⁶ times width or height times the
 * contrast of neighbouring pixels.
 * @throws AttributeError for options that do not fit; the layer throws ShapeError for anything but `[N, C, H, W]`.
 */
export function randomAffine(options: AffineOptions = {}): Module {
  return affine("augment.randomAffine", options, (all) => [all]);
}

/**
 * In training, rotates each image by an angle of its own: `randomAffine({ degrees })`.
 * @param degrees a number d for −d to d, or an interval.
 */
export function randomRotation(degrees: number | Interval, options: Drawing & Filling = {}): Module {
  const op = "augment.randomRotation";
  const { fill, source } = optionsOf(op, options, { fill: undefined, source: undefined });
  const given = { degrees, ...(fill !== undefined && { fill }), ...(source !== undefined && { source }) };
  return affine(op, given, (all) => [all.degrees, { fill: all.fill }]);
}

/** @param argsOf the arguments that make the layer again, from all options but the source. */
function affine(
  op: string,
  options: AffineOptions,
  argsOf: (all: Required<Omit<AffineOptions, "source">>) => readonly unknown[],
): Module {
  const o = optionsOf(op, options, {
    degrees: undefined,
    translate: undefined,
    scale: undefined,
    shear: undefined,
    fill: undefined,
    source: undefined,
  });
  const degrees = anglesOf(op, "degrees", o.degrees, 360);
  // At 90°, a row would become infinitely long.
  const shear = anglesOf(op, "shear", o.shear, 80);
  const scale = o.scale === undefined ? ([1, 1] as const) : intervalOf(op, "scale", o.scale, [0.01, 100]);
  const translate = o.translate === undefined ? ([0, 0] as const) : sharesOf(op, o.translate);
  const fill = fillOf(op, o.fill === undefined ? 0 : o.fill);
  const draws = sourceOf(op, o.source);
  return augmentation(op, argsOf({ degrees, translate, scale, shear, fill }), (x) => {
    const [n, , height, width] = checkImages(op, x);
    const within = ([low, high]: Interval): Tensor<"f32"> | number =>
      low === high ? low : add(low, mul(high - low, draws.uniform([n])));
    const radians = ([low, high]: Interval): Interval => [(low * Math.PI) / 180, (high * Math.PI) / 180];
    const angle = within(radians(degrees));
    const slope = within(radians(shear));
    const factor = within(scale);
    const [right, down] = [width, height].map((size, i) => within([-translate[i]! * size, translate[i]! * size]));
    return sampleImages(
      x,
      inverse(n, { angle, slope, factor, right: right!, down: down! }, [width, height]),
      fillsOf(op, fill, x),
      {
        height,
        width,
      },
    );
  });
}

type Amount = Tensor<"f32"> | number;

interface Motion {
  readonly angle: Amount;
  readonly slope: Amount;
  readonly factor: Amount;
  readonly right: Amount;
  readonly down: Amount;
}

/**
 * Where the pixels of moved images come from: a map as `sampleImages` takes it. An image is sheared, scaled and rotated
 * around its middle, then shifted; so a place is shifted back, and all that undone around the middle.
 */
function inverse(
  n: number,
  { angle, slope, factor, right, down }: Motion,
  [width, height]: readonly [number, number],
): Tensor<"f32"> {
  const of = (amount: Amount): Tensor<"f32"> => (typeof amount === "number" ? full([n], amount) : amount);
  const [turn, lean] = [of(angle), of(slope)];
  const [c, s] = [div(cos(turn), factor), div(sin(turn), factor)];
  const tangent = div(sin(lean), cos(lean));
  const [a, b] = [sub(c, mul(tangent, s)), add(s, mul(tangent, c))];
  const [d, e] = [neg(s), c];
  const [middleX, middleY] = [(width - 1) / 2, (height - 1) / 2];
  const [fromX, fromY] = [add(middleX, right), add(middleY, down)];
  const shift = (middle: number, x: Tensor<"f32">, y: Tensor<"f32">): Tensor<"f32"> =>
    sub(middle, add(mul(x, fromX), mul(y, fromY)));
  return stack([a, b, shift(middleX, a, b), d, e, shift(middleY, d, e)], 1);
}

/** Angles after a check. @param most their largest size. */
function anglesOf(op: string, name: string, given: number | Interval | undefined, most: number): Interval {
  if (given === undefined) return [0, 0];
  if (typeof given !== "number") return intervalOf(op, name, given, [-most, most]);
  const angle = checkNumber(op, name, given, `a number from 0 to ${most}, or an interval`, (n) => n >= 0 && n <= most);
  return [-angle, angle];
}

function intervalOf(op: string, name: string, given: Interval, [least, most]: Interval): Interval {
  const isInterval =
    Array.isArray(given) &&
    given.length === 2 &&
    given.every((n) => typeof n === "number" && n >= least && n <= most) &&
    given[0] <= given[1];
  return isInterval ? given : refuse(op, name, given, `an interval [low, high] from ${least} to ${most}`);
}

function sharesOf(op: string, given: readonly [number, number]): readonly [number, number] {
  const isPair = Array.isArray(given) && given.length === 2 && given.every((share) => share >= 0 && share <= 1);
  return isPair ? given : refuse(op, "translate", given, "[x, y], shares from 0 to 1");
}
