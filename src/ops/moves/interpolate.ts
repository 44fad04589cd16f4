import {
  AttributeError,
  checkChoice,
  checkList,
  checkNumber,
  DTypeError,
  optionsOf,
  ShapeError,
} from "../../errors.ts";
import { type DType, type Float, floats, showShape } from "../../graph/shape.ts";
import { checkTensors, type Tensor } from "../../graph/tensor.ts";
import { pair } from "../network/conv.ts";
import { add, cast, mul } from "../pointwise/arithmetic.ts";
import { constant } from "../sources/constants.ts";
import { indexSelect } from "./gather.ts";
import { expand, reshape } from "./views.ts";

/** The size of a resized image, and how its pixels arise. */
export interface InterpolateOptions {
  /** Rows and columns of the result. One number, or [vertical, horizontal]. Default by `scaleFactor`: give one of both. */
  readonly size?: number | readonly [number, number];
  /**
   * Size of the result by that of `x`, rounded down; above 0, also a fraction. One number, or [vertical, horizontal].
   * Default by `size`.
   */
  readonly scaleFactor?: number | readonly [number, number];
  /** How values between pixels arise: the nearest pixel (default), or the four around, weighted by distance. */
  readonly mode?: "nearest" | "bilinear";
  /**
   * For "bilinear": whether the centres of the corner pixels coincide, instead of the outer edges of the images; default
   * false.
   */
  readonly alignCorners?: boolean;
}

/** The checked options. */
export function resizingOf(op: string, options: InterpolateOptions) {
  const { size, scaleFactor, mode, alignCorners } = optionsOf(op, options, {
    size: undefined,
    scaleFactor: undefined,
    mode: "nearest",
    alignCorners: false,
  });
  checkChoice(op, "mode", mode as "nearest", ["nearest", "bilinear"]);
  if ((size === undefined) === (scaleFactor === undefined))
    throw new AttributeError(
      `${op}: ${size === undefined ? "neither" : "both"} of size and scaleFactor given, expected one`,
    );
  if (alignCorners && mode === "nearest")
    throw new AttributeError(`${op}: alignCorners is true, expected false for mode "nearest"`);
  const factors = typeof scaleFactor === "number" ? [scaleFactor, scaleFactor] : scaleFactor;
  if (factors !== undefined) {
    if (checkList(op, "scaleFactor", factors).length !== 2)
      throw new AttributeError(`${op}: scaleFactor has ${factors.length} elements, expected one number or two`);
    for (const factor of factors) checkNumber(op, "scaleFactor", factor, "a number above 0", (n) => n > 0);
  }
  return { size: size === undefined ? undefined : pair(op, "size", size), factors, mode, alignCorners };
}

/**
 * Images of another size: `[N, C, H, W]` → `[N, C, H', W']`. Values, rounding of sizes and of positions are those of
 * PyTorch's `interpolate`: a pixel (i + ½) of the result lies at (i + ½) · H / H' of `x`, or at (i + ½) / scaleFactor if
 * you give the factor. Nothing is averaged when an image shrinks.
 * @param x f32 or f16.
 * @param options size or scaleFactor; mode, default "nearest"; alignCorners, default false.
 * @throws AttributeError unless one of size and scaleFactor is given, or for alignCorners with "nearest"; ShapeError for
 * `x` without four axes, and for a result without pixels; DTypeError for integers.
 */
export function interpolate<D extends DType>(x: Tensor<D>, options: InterpolateOptions): Tensor<D & Float> {
  const op = "interpolate";
  const { size, factors, mode, alignCorners } = resizingOf(op, options);
  checkTensors(op, x);
  if (x.shape.length !== 4) throw new ShapeError(`${op}: input ${showShape(x.shape)} needs four axes [N, C, H, W]`);
  if (!floats.includes(x.dtype)) throw new DTypeError(`${op}: input is ${x.dtype}, expected f32 or f16`);
  return [2, 3].reduce<Tensor>((y, axis) => {
    const from = x.shape[axis]!;
    const factor = factors?.[axis - 2];
    const to = size?.[axis - 2] ?? Math.floor(from * factor!);
    if (to < 1)
      throw new ShapeError(
        `${op}: axis ${axis} of ${showShape(x.shape)} times ${factor} leaves no pixel, expected at least 1`,
      );
    const step = factor === undefined ? from / to : 1 / factor;
    if (mode === "nearest") return nearestAlong(y, axis, to, step);
    return readAlong(y, axis, linearTaps(from, to, step, alignCorners));
  }, x) as Tensor<D & Float>;
}

/** Repeats or drops elements along an axis. Repeating each equally often is a view, with a plain sum as gradient. */
function nearestAlong(x: Tensor, axis: number, to: number, step: number): Tensor {
  const from = x.shape[axis]!;
  // In f32, as in PyTorch: at the border between two pixels, rounding decides.
  const at = positions(to, (i) => Math.min(Math.floor(Math.fround(i * Math.fround(step))), from - 1));
  const times = to / from;
  if (Number.isInteger(times) && at.every((source, i) => source === Math.floor(i / times))) {
    const [before, after] = [x.shape.slice(0, axis), x.shape.slice(axis + 1)];
    const column = reshape(x, [...before, from, 1, ...after]);
    return reshape(expand(column, [...before, from, times, ...after]), [...before, to, ...after]);
  }
  return readAlong(x, axis, [{ at }]);
}

/** One element that each position of a result reads along an axis, and its weight there; default 1 everywhere. */
interface Tap {
  readonly at: readonly number[];
  readonly weight?: readonly number[];
}

const positions = (count: number, at: (i: number) => number): number[] =>
  Array.from({ length: count }, (_, i) => at(i));

/** The two neighbours of each position of the result, by their distances. */
function linearTaps(from: number, to: number, step: number, alignCorners: boolean): Tap[] {
  const stride = to > 1 ? (from - 1) / (to - 1) : 0;
  const places = positions(to, (i) => (alignCorners ? i * stride : Math.max(0, (i + 0.5) * step - 0.5)));
  const low = places.map((place) => Math.min(Math.floor(place), from - 1));
  const part = places.map((place, i) => Math.min(place - low[i]!, 1));
  return [
    { at: low, weight: part.map((share) => 1 - share) },
    { at: low.map((i) => Math.min(i + 1, from - 1)), weight: part },
  ];
}

/**
 * The sum of weighted elements along an axis: y[…, i, …] = Σ over taps of weight[i] · x[…, at[i], …], computed in f32.
 * Every way of resizing is one, with its own taps.
 */
function readAlong(x: Tensor, axis: number, taps: readonly Tap[]): Tensor {
  const terms = taps.map(({ at, weight }) => {
    const read = indexSelect(x, axis, constant(Int32Array.from(at), [at.length], "positions"));
    if (!weight) return read;
    const shape = x.shape.map((_, k) => (k === axis ? at.length : 1));
    return mul(cast(read, "f32"), constant(Float32Array.from(weight), shape, "weights"));
  });
  return cast(terms.reduce(add), x.dtype);
}
