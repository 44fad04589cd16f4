import { checkList, checkNumbers, checkWhole, counted, refuse, ShapeError } from "../errors.ts";

/** Several images of one size. */
export interface Images {
  /** Images in the pixels given. */
  readonly given: number;
  /** Those that are here. */
  readonly count: number;
  readonly height: number;
  readonly width: number;
  readonly channels: 1 | 3;
  /** [count, height, width, channels], from 0 to 255. */
  readonly bytes: Uint8Array;
}

/** How images are drawn side by side. */
export interface ImageGridOptions {
  /** Default "Images". */
  readonly title?: string;
  /** What the picture shows, for people who cannot see it. Default: how many images, and their labels. */
  readonly description?: string;
  /** Shape of one image: `[height, width]` or `[channels, height, width]`, of 1 or 3 channels. */
  readonly shape: readonly number[];
  /** A line below each image; default none. */
  readonly labels?: readonly string[];
  /** Values that are black and white; default [0, 255] for bytes, else [0, 1]. */
  readonly range?: readonly [black: number, white: number];
  /** Images per row; default as many as the width has room for. */
  readonly columns?: number;
  /** Width of one image in the picture, if there is room; default 56, or as much as its label needs, up to 112. */
  readonly tile?: number;
  /** Width of the picture; default 640. */
  readonly width?: number;
}

/**
 * Pixels as bytes, after a check.
 * @param shape of one image: [h, w] or [c, h, w]. @param chosen the images wanted; default all.
 */
export function imagesOf(
  op: string,
  pixels: ArrayLike<number>,
  shape: readonly number[] | undefined,
  range: readonly [number, number] | undefined,
  chosen?: readonly number[],
): Images {
  if (Object(pixels) !== pixels) refuse(op, "the pixels", pixels, "an array of numbers");
  checkNumbers(op, "the pixels", pixels);
  const expected = "[height, width] or [channels, height, width]";
  if (shape === undefined) refuse(op, "shape", shape, expected);
  checkList(op, "shape", shape);
  if (shape.length !== 2 && shape.length !== 3) refuse(op, "shape", shape, expected);
  shape.forEach((n, i) => checkWhole(op, `shape[${i}]`, n));
  const [height, width] = shape.slice(-2) as [number, number];
  const channels = shape.length === 3 ? shape[0] : 1;
  if (channels !== 1 && channels !== 3) refuse(op, "shape", shape, `${expected}, of 1 or 3 channels`);
  const area = height * width;
  const given = pixels.length / (area * channels);
  if (!Number.isInteger(given))
    throw new ShapeError(
      `${op}: ${counted(pixels.length, "value")} cannot be divided into images of [${shape.join(", ")}]`,
    );
  const [black, white] = rangeOf(op, range) ?? (isBytes(pixels) ? [0, 255] : [0, 1]);
  const images = chosen ?? Array.from({ length: given }, (_, i) => i);
  const bytes = new Uint8Array(images.length * area * channels);
  images.forEach((image, i) => {
    for (let c = 0; c < channels; c++) {
      for (let k = 0; k < area; k++) {
        const at = (image * channels + c) * area + k;
        const value = pixels[at]!;
        if (typeof value !== "number" && at < pixels.length) refuse(op, `the pixels[${at}]`, value, "a number");
        const byte = Math.round((255 * (value - black)) / (white - black));
        bytes[(i * area + k) * channels + c] = Math.min(255, Math.max(0, byte)); // NaN becomes 0.
      }
    }
  });
  return { given, count: images.length, height, width, channels, bytes };
}

const isBytes = (pixels: unknown): boolean => pixels instanceof Uint8Array || pixels instanceof Uint8ClampedArray;

function rangeOf(op: string, range: readonly [number, number] | undefined): readonly [number, number] | undefined {
  if (range === undefined) return undefined;
  const isPair = Array.isArray(range) && range.length === 2 && range.every(Number.isFinite) && range[0] !== range[1];
  return isPair ? range : refuse(op, "range", range, "two different numbers [black, white]");
}
