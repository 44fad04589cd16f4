import { AttributeError, checkChoice, checkList, checkNumber, checkWhole, optionsOf, refuse } from "../errors.ts";
import type { Fit } from "./resample.ts";

/** How images become a tensor. */
export interface ImageOptions {
  /** Height and width of the result, in pixels. */
  readonly size: readonly [height: number, width: number];
  /** 3 for red, green and blue (default), 1 for grey. */
  readonly channels?: 1 | 3;
  /**
   * A result is (value − mean) / std, where values are from 0 to 1. One number, or one per channel; default 0.
   */
  readonly mean?: number | readonly number[];
  /** What values are divided by, after `mean` is subtracted; default 1. */
  readonly std?: number | readonly number[];
  /** Order of the axes: "NCHW" (default, as convolutions take it) or "NHWC". */
  readonly layout?: "NCHW" | "NHWC";
  /**
   * How an image of another shape fits: "cover" (default) crops what is too long, on both ends; "contain" pads what is
   * too short with the background; "stretch" changes the shape.
   */
  readonly fit?: Fit;
  /** Red, green and blue from 0 to 1 behind transparent pixels and padding; default black, [0, 0, 0]. */
  readonly background?: readonly [red: number, green: number, blue: number];
}

/** Options after a check, with a number for each channel. */
export interface ImageFormat {
  readonly height: number;
  readonly width: number;
  readonly channels: 1 | 3;
  readonly mean: readonly number[];
  readonly std: readonly number[];
  readonly layout: "NCHW" | "NHWC";
  readonly fit: Fit;
  readonly background: readonly number[];
}

/** Checks options. @param op the function called. */
export function formatOf(op: string, options: ImageOptions): ImageFormat {
  const o = optionsOf(op, options, {
    size: undefined,
    channels: 3 as 1 | 3,
    mean: undefined,
    std: undefined,
    layout: "NCHW",
    fit: "cover",
    background: undefined,
  });
  const size = checkList(op, "size", o.size);
  if (size.length !== 2) refuse(op, "size", size, "[height, width]");
  const [height, width] = size.map((n, i) => checkWhole(op, `size[${i}]`, n, 1, 2 ** 14)) as [number, number];
  const channels = o.channels === 1 || o.channels === 3 ? o.channels : refuse(op, "channels", o.channels, "1 or 3");
  const std = perChannel(op, "std", o.std === undefined ? 1 : o.std, channels);
  const odd = std.find((value) => !Number.isFinite(Math.fround(1 / value)));
  if (odd !== undefined) throw new AttributeError(`${op}: std is ${odd}, expected numbers that can divide in f32`);
  const background = o.background === undefined ? [0, 0, 0] : o.background;
  if (checkList(op, "background", background).length !== 3) refuse(op, "background", background, "[red, green, blue]");
  background.forEach((value, i) =>
    checkNumber(op, `background[${i}]`, value, "a number from 0 to 1", (n) => n >= 0 && n <= 1),
  );
  return {
    height,
    width,
    channels,
    mean: perChannel(op, "mean", o.mean === undefined ? 0 : o.mean, channels),
    std,
    layout: checkChoice(op, "layout", o.layout, ["NCHW", "NHWC"]),
    fit: checkChoice(op, "fit", o.fit, ["cover", "contain", "stretch"]),
    background,
  };
}

function perChannel(op: string, name: string, given: number | readonly number[], channels: number): readonly number[] {
  const finite = (name: string, value: number): number =>
    checkNumber(op, name, value, "a finite number that f32 holds", (n) => Number.isFinite(Math.fround(n)));
  if (typeof given === "number") return new Array(channels).fill(finite(name, given));
  const expected = `a number, or one for each of ${channels} channels`;
  if (!Array.isArray(given) || given.length !== channels) refuse(op, name, given, expected);
  return given.map((value, i) => finite(`${name}[${i}]`, value));
}

/** Weights of red, green and blue in grey (ITU-R BT.601), as in PIL and torchvision. */
export const luma = [0.299, 0.587, 0.114] as const;
