import { contours } from "d3-contour";
import { checkNumbers, refuse, ShapeError } from "../errors.ts";
import type { Box } from "./axes.ts";
import { type Markup, tag } from "./markup.ts";
import { isShown, rangeOf } from "./points.ts";

/** A function of both coordinates, or its values at the points of `gridPoints`, in their order. */
export type Surface = ((x: number, y: number) => number) | ArrayLike<number>;

type Range = readonly [number, number];

/** Samples along each axis of a function. */
const samples = 65;

/**
 * Points of a square grid over a part of the plane: row by row from the least y, each from the least x. Feed them to a
 * model, and pass its outputs to `scatter` as `surface`.
 * @param side points along each axis.
 * @returns `[side², 2]`, as programs and trainers take it.
 */
export function gridPoints(
  x: Range,
  y: Range,
  side: number,
): { data: Float32Array<ArrayBuffer>; shape: [number, number] } {
  const data = new Float32Array(2 * side * side);
  for (let row = 0; row < side; row++)
    for (let column = 0; column < side; column++) {
      const at = 2 * (row * side + column);
      data[at] = x[0] + ((x[1] - x[0]) * column) / (side - 1);
      data[at + 1] = y[0] + ((y[1] - y[0]) * row) / (side - 1);
    }
  return { data, shape: [side * side, 2] };
}

interface SurfaceOptions {
  readonly x: Range;
  readonly y: Range;
  readonly levels: readonly number[] | undefined;
  readonly middle: number | undefined;
}

/** Shades between levels, with a line around each. */
export function surfaceMarks(op: string, surface: Surface, options: SurfaceOptions, box: Box): Markup[] {
  const { values, side } = valuesOf(op, surface, options);
  const range = rangeOf([values]);
  if (!range) return [];
  const levels = options.levels ?? evenly(range);
  checkNumbers(op, "levels", levels);
  const { middle } = options;
  const width = (box.right - box.left) / (side - 1);
  const height = (box.bottom - box.top) / (side - 1);
  // Cells of d3 have their value in their middle, and ours in their corners: half a cell more.
  const place = ([column, row]: readonly number[]): string =>
    `${rounded(box.left + (column! - 0.5) * width)} ${rounded(box.bottom - (row! - 0.5) * height)}`;
  const rings = contours()
    .size([side, side])
    .thresholds([...levels])(Array.from(values, (value) => (isShown(value) ? value : range[1])))
    .map(({ value, coordinates }) => {
      const d = coordinates.flat().map((ring) => `M${ring.map(place).join("L")}Z`);
      return { value, d: d.join("") };
    });
  // Each level is drawn over those below, so shades add up: away from the middle, if there is one.
  const frame = `M${box.left} ${box.top}H${box.right}V${box.bottom}H${box.left}Z`;
  const shade = Math.min(0.25, 0.6 / levels.length);
  return rings.flatMap(({ value, d }) => {
    const above = tag("path", { class: "d0", d, "fill-opacity": shade });
    const below = tag("path", { class: "d1", d: frame + d, "fill-rule": "evenodd", "fill-opacity": shade });
    const isMiddle = value === middle;
    const line = { class: isMiddle ? "ink" : "line", d, fill: "none", "stroke-width": isMiddle ? 1.5 : 0.75 };
    const sides = isMiddle ? [above, below] : [middle === undefined || value > middle ? above : below];
    return [...sides, tag("path", line)];
  });
}

const rounded = (value: number): number => Math.round(100 * value) / 100;

const evenly = ([low, high]: Range): number[] =>
  Array.from({ length: 9 }, (_, i) => low + ((i + 1) * (high - low)) / 10);

/** The values of a surface at the points of a grid. */
function valuesOf(op: string, surface: Surface, { x, y }: SurfaceOptions): { values: ArrayLike<number>; side: number } {
  if (typeof surface === "function") {
    const { data } = gridPoints(x, y, samples);
    const values = Array.from({ length: samples ** 2 }, (_, i) => surface(data[2 * i]!, data[2 * i + 1]!));
    return { values, side: samples };
  }
  if (Object(surface) !== surface) refuse(op, "surface", surface, "a function of x and y, or its values on a grid");
  checkNumbers(op, "surface", surface);
  const side = Math.round(Math.sqrt(surface.length));
  if (side < 2 || side ** 2 !== surface.length)
    throw new ShapeError(`${op}: surface has ${surface.length} values, expected those of a square grid of gridPoints`);
  return { values: surface, side };
}
