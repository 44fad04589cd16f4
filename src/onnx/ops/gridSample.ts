import { FormatError } from "../../errors.ts";
import { showShape } from "../../graph/shape.ts";
import type { Tensor } from "../../graph/tensor.ts";
import {
  add,
  cast,
  clamp,
  eq,
  expand,
  floor,
  gather,
  mul,
  reshape,
  round,
  slice,
  sub,
  where,
} from "../../ops/index.ts";
import type { OpNode, OpRow } from "../node.ts";

/** Positions of pixels along an axis of `size`, from those of a grid, whose −1 and 1 are the ends of the image. */
function along(size: number, at: Tensor, isAligned: boolean, isBorder: boolean): Tensor {
  // The ends are the centers of the outer pixels, or their outer edges.
  const place = isAligned ? mul(add(at, 1), (size - 1) / 2) : sub(mul(add(at, 1), size / 2), 0.5);
  return isBorder ? clamp(place, { min: 0, max: size - 1 }) : place;
}

/** An image `[N, C, H, W]` read at the places of a grid `[N, H', W', 2]`, whose last axis is x and y: `[N, C, H', W']`. */
function gridSample(node: OpNode): Tensor {
  const [x, grid] = [node.tensor(0), node.tensor(1)];
  const [padding, mode] = [node.text("padding_mode", "zeros"), node.text("mode", "linear")];
  if (x.shape.length !== 4) throw new FormatError(`${showShape(x.shape)} is no batch of images`);
  if (padding !== "zeros" && padding !== "border") throw new FormatError(`padding_mode ${padding} is not supported`);
  const [n, channels, h, w] = x.shape as [number, number, number, number];
  const [, rows, columns] = grid.shape as [number, number, number, number];
  const count = rows * columns;
  const pixels = reshape(x, [n, channels, h * w]);
  const [u, v] = [w, h].map((size, axis) => {
    const at = reshape(slice(grid, [undefined, undefined, undefined, [axis, axis + 1]]), [n, 1, count]);
    return along(size, at, node.int("align_corners", 0) === 1, padding === "border");
  }) as [Tensor, Tensor];

  /** The pixels at whole positions, times a weight; 0 outside of the image. */
  const read = (column: Tensor, row: Tensor, weight: Tensor | number): Tensor => {
    const [inColumn, inRow] = [clamp(column, { min: 0, max: w - 1 }), clamp(row, { min: 0, max: h - 1 })];
    const index = add(mul(cast(inRow, "i32"), w), cast(inColumn, "i32"));
    const value = mul(gather(pixels, 2, expand(index, [n, channels, count])), weight);
    return where(mul(eq(inColumn, column), eq(inRow, row)), value, 0);
  };

  const result = (): Tensor => {
    if (mode === "nearest") return read(round(u), round(v), 1);
    if (mode !== "linear" && mode !== "bilinear") throw new FormatError(`mode ${mode} is not supported`);
    const [left, top] = [floor(u), floor(v)];
    const [right, bottom] = [sub(u, left), sub(v, top)];
    return [
      read(left, top, mul(sub(1, right), sub(1, bottom))),
      read(add(left, 1), top, mul(right, sub(1, bottom))),
      read(left, add(top, 1), mul(sub(1, right), bottom)),
      read(add(left, 1), add(top, 1), mul(right, bottom)),
    ].reduce((sum, corner) => add(sum, corner));
  };
  return reshape(result(), [n, channels, rows, columns]);
}

export const sampling: readonly OpRow[] = [
  {
    op: "GridSample",
    since: [16, 20, 22],
    limits: "images; linear and nearest; padding with zeros or the border",
    build: gridSample,
  },
];
