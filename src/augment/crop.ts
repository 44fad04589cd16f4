import { checkWhole, optionsOf, refuse, ShapeError } from "../errors.ts";
import type { Tensor } from "../graph/tensor.ts";
import type { Module } from "../nn/module.ts";
import { stack } from "../ops/moves/join.ts";
import { slice } from "../ops/moves/views.ts";
import { cast, sub } from "../ops/pointwise/arithmetic.ts";
import { full, onesLike, zerosLike } from "../ops/sources/constants.ts";
import { augmentation, checkImages, type Drawing, type Filling, fillOf, fillsOf, sourceOf } from "./layer.ts";
import { sampleImages } from "./sample.ts";

export interface CropOptions extends Drawing, Filling {
  /** Pixels of fill value to add on every side first, at most 65,536; default 0. */
  readonly padding?: number;
}

/**
 * In training, cuts a window out of each image, at a place of its own that is drawn anew in each step: `[N, C, H, W]` →
 * `[N, C, height, width]`. With `padding`, a window may reach that far beyond the edges. In evaluation it cuts out the
 * middle.
 *
 * As torchvision's `RandomCrop`, but every image of a batch has its own place. Pixels are copied exactly.
 * @param size one number, or [height, width].
 * @throws AttributeError for options that do not fit; the layer throws ShapeError for images that are too small.
 */
export function randomCrop(size: number | readonly [height: number, width: number], options: CropOptions = {}): Module {
  const op = "augment.randomCrop";
  const o = optionsOf(op, options, { padding: 0, fill: undefined, source: undefined });
  const [height, width] = sizeOf(op, size);
  const padding = checkWhole(op, "padding", o.padding, 0, 2 ** 16);
  const fill = fillOf(op, o.fill === undefined ? 0 : o.fill);
  const draws = sourceOf(op, o.source);
  /** Windows whose first columns and rows are given for each image. */
  const cut = (x: Tensor, column: Tensor, row: Tensor): Tensor => {
    const [one, none] = [onesLike(column), zerosLike(column)];
    const map = stack([one, none, column, none, one, row], 1) as Tensor<"f32">;
    return sampleImages(x, map, fillsOf(op, fill, x), { height, width });
  };
  const roomIn = (x: Tensor): { readonly down: number; readonly right: number } => {
    const [, , rows, columns] = checkImages(op, x);
    const room = { down: rows + 2 * padding - height, right: columns + 2 * padding - width };
    if (room.down >= 0 && room.right >= 0) return room;
    const padded = padding > 0 ? ` with padding ${padding}` : "";
    throw new ShapeError(
      `${op}: images of ${rows} × ${columns}${padded} are smaller than the crop, ${height} × ${width}`,
    );
  };
  const training = (x: Tensor): Tensor => {
    const { down, right } = roomIn(x);
    if (down === 0 && right === 0 && padding === 0) return x;
    const first = (room: number) => sub(cast(draws.randint([x.shape[0]!], 0, room + 1), "f32"), padding);
    return cut(x, first(right), first(down));
  };
  const evaluation = (x: Tensor): Tensor => {
    const { down, right } = roomIn(x);
    const [top, left] = [Math.floor(down / 2) - padding, Math.floor(right / 2) - padding];
    const [n, , rows, columns] = x.shape as [number, number, number, number];
    if (rows === height && columns === width) return x;
    if (top >= 0 && left >= 0 && top + height <= rows && left + width <= columns)
      return slice(x, [undefined, undefined, [top, top + height], [left, left + width]]);
    return cut(x, full([n], left), full([n], top));
  };
  return augmentation(op, [size, { padding, fill }], training, evaluation);
}

function sizeOf(op: string, size: number | readonly [number, number]): readonly [number, number] {
  if (typeof size === "number") return [checkWhole(op, "size", size), size];
  if (!Array.isArray(size) || size.length !== 2) refuse(op, "size", size, "a whole number, or [height, width]");
  size.forEach((n, i) => checkWhole(op, `size[${i}]`, n));
  return size as readonly [number, number];
}
