import { AttributeError, checkNumbers, counted, optionsOf, refuse, ShapeError, show } from "../errors.ts";

/** How bytes of pixels become floats. */
export interface PixelOptions {
  /** Mean of the pixels on the scale 0 … 1, or one mean per channel. Default 0. */
  readonly mean?: number | readonly number[];
  /** Standard deviation on the same scale, or one per channel. Default 1. */
  readonly std?: number | readonly number[];
  /**
   * Height × width of one channel; required if mean or std is per channel, default none. Bytes are then [n, channels, height, width].
   */
  readonly channelSize?: number;
}

/**
 * Scales pixel bytes for a network: (byte / 255 − mean) / std. MNIST's usual constants are `mean: 0.1307, std: 0.3081`.
 *
 * @param bytes pixels of any number of images, channel by channel (NCHW) if mean or std is per channel.
 * @param out where to write, of the same length. Default: a new array.
 * @returns `out`, one float per byte.
 * @throws AttributeError for a std that is not above 0 or a mean that is not finite; ShapeError for lengths that do not
 * fit.
 */
export function scale(
  bytes: Uint8Array | Uint8ClampedArray,
  options: PixelOptions = {},
  out: Float32Array = new Float32Array(bytes?.length ?? 0),
): Float32Array {
  if (!(ArrayBuffer.isView(bytes) && "length" in bytes)) refuse("scale", "bytes", bytes, "a Uint8Array");
  if (!(out instanceof Float32Array)) refuse("scale", "out", out, "a Float32Array");
  const all = optionsOf("scale", options, { mean: undefined, std: undefined, channelSize: undefined });
  const { mean = 0, std = 1 } = all;
  for (const [name, values] of Object.entries({ mean, std }))
    if (typeof values !== "number") checkNumbers("scale", name, values);
  const perChannel = typeof mean !== "number" || typeof std !== "number";
  const channels = typeof mean !== "number" ? mean.length : typeof std !== "number" ? std.length : 1;
  if (channels === 0 || (typeof std !== "number" && std.length !== channels)) {
    throw new ShapeError(
      `scale: mean is for ${counted(channels, "channel")} and std for ${lengthOf(std)}, expected the same number`,
    );
  }
  const channelSize = perChannel ? all.channelSize : bytes.length;
  if (perChannel && !(Number.isInteger(channelSize) && (channelSize as number) >= 1)) {
    throw new AttributeError(
      `scale: channelSize is ${show(channelSize)}, expected height × width, since mean or std is per channel`,
    );
  }
  const size = channelSize as number;
  if (perChannel && bytes.length % (channels * size) !== 0) {
    throw new ShapeError(
      `scale: cannot divide ${counted(bytes.length, "byte")} into images of ${counted(channels, "channel")} × ${counted(size, "pixel")}`,
    );
  }
  if (out.length !== bytes.length) {
    throw new ShapeError(
      `scale: out has ${counted(out.length, "value")} for ${counted(bytes.length, "byte")}, expected the same number`,
    );
  }
  const tables = Array.from({ length: channels }, (_, c) => table(at(mean, c), at(std, c)));
  for (let start = 0, plane = 0; start < bytes.length; start += size, plane++) {
    const values = tables[plane % channels]!;
    for (let i = start; i < start + size; i++) out[i] = values[bytes[i]!]!;
  }
  return out;
}

/** The result for each of the 256 byte values. */
function table(mean: number, std: number): Float32Array {
  if (!Number.isFinite(mean)) throw new AttributeError(`scale: mean is ${show(mean)}, expected a finite number`);
  if (!(Number.isFinite(std) && std > 0))
    throw new AttributeError(`scale: std is ${show(std)}, expected a number above 0`);
  return Float32Array.from({ length: 256 }, (_, byte) => (byte / 255 - mean) / std);
}

function at(values: number | readonly number[], channel: number): number {
  return typeof values === "number" ? values : values[channel]!;
}

function lengthOf(values: number | readonly number[]): number {
  return typeof values === "number" ? 1 : values.length;
}
