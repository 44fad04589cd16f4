import { checkNumber } from "../errors.ts";
import type { Module } from "../nn/module.ts";
import { add, cast, mul } from "../ops/pointwise/arithmetic.ts";
import type { Random } from "../ops/sources/random.ts";
import { augmentation, sourceOf } from "./layer.ts";

/**
 * In training, adds normally distributed noise of mean 0 to every value, drawn anew in each step. Does nothing in
 * evaluation. Any shape. As Keras's `GaussianNoise`; torchvision's also cuts off what leaves the range from 0 to 1,
 * which normalised images do anyway.
 * @param sigma standard deviation, in the unit of the values, from 0 to 1e37; default 0.1.
 * @param source of random numbers, default the one shared by all layers, seeded by `nn.seed`.
 */
export function gaussianNoise(sigma = 0.1, source?: Random): Module {
  const op = "augment.gaussianNoise";
  // Normal numbers reach about 7: those of f32 end at 3.4e38.
  checkNumber(op, "sigma", sigma, "a number from 0 to 1e37", (n) => n >= 0 && n <= 1e37);
  const draws = sourceOf(op, source);
  return augmentation(op, [sigma], (x) => add(x, cast(mul(sigma, draws.normal(x.shape)), x.dtype)));
}
