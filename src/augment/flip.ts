import { checkNumber } from "../errors.ts";
import type { Module } from "../nn/module.ts";
import { flip } from "../ops/moves/views.ts";
import { where } from "../ops/pointwise/arithmetic.ts";
import type { Random } from "../ops/sources/random.ts";
import { augmentation, checkImages, sourceOf } from "./layer.ts";

/**
 * In training, mirrors each image left to right with probability p, drawn anew in each step. Does nothing in evaluation.
 * `[N, C, H, W]` → the same.
 * @param p default 0.5. @param source of random numbers, default the one shared by all layers, seeded by `nn.seed`.
 */
export const randomHorizontalFlip = (p = 0.5, source?: Random): Module =>
  randomFlip("augment.randomHorizontalFlip", 3, p, source);

/** Mirrors each image top to bottom; otherwise as `randomHorizontalFlip`. */
export const randomVerticalFlip = (p = 0.5, source?: Random): Module =>
  randomFlip("augment.randomVerticalFlip", 2, p, source);

function randomFlip(op: string, axis: number, p: number, source: Random | undefined): Module {
  checkNumber(op, "p", p, "a probability from 0 to 1", (n) => n >= 0 && n <= 1);
  const draws = sourceOf(op, source);
  return augmentation(op, [p], (x) => {
    const [n] = checkImages(op, x);
    return where(draws.bernoulli([n, 1, 1, 1], p), flip(x, [axis]), x);
  });
}
