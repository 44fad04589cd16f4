import { counted, FeedError, LimitError, quoted, show } from "../errors.ts";
import { formatOf, type ImageFormat, type ImageOptions, luma } from "./options.ts";
import { type Taps, tapsOf } from "./resample.ts";

/**
 * Pixels as a page's ImageData has them, or a decoder for Node: rows from the top, bytes from 0 to 255. One byte per
 * pixel is grey, three are red, green and blue, four also have the opacity, by which the colours are not multiplied.
 */
export interface Pixels {
  readonly data: Uint8Array | Uint8ClampedArray;
  readonly width: number;
  readonly height: number;
}

/**
 * Images as the values of a tensor, computed on the CPU: what `imageReader` does on a GPU, in any place.
 * @param images one or several, of any sizes.
 * @returns [images, channels, height, width], or [images, height, width, channels] for the layout "NHWC".
 * @throws FeedError for anything but pixels; LimitError for more values than memory holds.
 */
export function fromImageData(images: Pixels | readonly Pixels[], options: ImageOptions): Float32Array {
  const op = "fromImageData";
  const format = formatOf(op, options);
  const list = Array.isArray(images) ? (images as readonly Pixels[]) : [images as Pixels];
  if (list.length === 0) throw new FeedError(`${op}: there is no image, expected at least one`);
  list.forEach((image, i) => checkPixels(op, Array.isArray(images) ? `image ${i}` : "the image", image));
  const { channels, height, width } = format;
  const size = channels * height * width;
  try {
    const values = new Float32Array(list.length * size);
    list.forEach((image, i) => values.set(resized(image, format), i * size));
    return values;
  } catch (error) {
    // What an array that is too long throws.
    if (!(error instanceof RangeError)) throw error;
    throw new LimitError(
      `${op}: memory does not hold ${counted(list.length, "image")} of ${height} × ${width} pixels with ` +
        `${counted(channels, "channel")}, expected a smaller size or fewer images at a time`,
    );
  }
}

/** Whether something looks like pixels. */
export const isPixels = (value: unknown): value is Pixels => ArrayBuffer.isView(Object(value).data);

/** Refuses pixels whose sizes do not fit. @returns bytes per pixel. */
export function checkPixels(op: string, name: string, image: Pixels): 1 | 3 | 4 {
  const fault = (expected: string): never => {
    throw new FeedError(
      `${op}: ${name} is ${Array.isArray(image) ? quoted(image) : show(image)}, expected ${expected}`,
    );
  };
  if (!isPixels(image)) fault("{ data, width, height }, such as an ImageData");
  const { data, width, height } = image;
  const isBytes = /^Uint8(Clamped)?Array$/.test(Object.prototype.toString.call(data).slice(8, -1));
  if (!isBytes)
    throw new FeedError(`${op}: ${name} has data of type ${quoted(data)}, expected a Uint8ClampedArray or Uint8Array`);
  for (const [side, n] of Object.entries({ width, height }))
    if (!Number.isInteger(n) || n < 1)
      throw new FeedError(`${op}: ${name} has ${side} ${show(n)}, expected a whole number from 1`);
  const bytes = data.length / (width * height);
  if (bytes === 1 || bytes === 3 || bytes === 4) return bytes;
  throw new FeedError(
    `${op}: ${name} has ${data.length} bytes for ${width} × ${height} pixels, expected 1, 3 or 4 per pixel`,
  );
}

/** One image in float64: first along its rows, then along its columns. */
function resized(image: Pixels, { height, width, channels, mean, std, layout, fit, background }: ImageFormat) {
  const { columns, rows } = tapsOf(image, { width, height }, fit);
  const lines = narrowed(image, width, columns, background);
  const values = new Float64Array(channels * height * width);
  const color = [0, 0, 0];
  for (let y = 0; y < height; y++) {
    const row = y * (1 + rows.count);
    const top = rows.table[row]!;
    for (let x = 0; x < width; x++) {
      for (let c = 0; c < 3; c++) {
        let sum = top < 0 ? background[c]! : 0;
        for (let j = 0; top >= 0 && j < rows.count; j++)
          sum += rows.table[row + 1 + j]! * lines[((top + j) * width + x) * 3 + c]!;
        color[c] = sum;
      }
      const own = channels === 3 ? color : [color.reduce((sum, value, c) => sum + luma[c]! * value, 0)];
      own.forEach((value, c) => {
        const at = layout === "NCHW" ? (c * height + y) * width + x : (y * width + x) * channels + c;
        values[at] = (value - mean[c]!) / std[c]!;
      });
    }
  }
  return values;
}

/** Each row of an image at another width, red, green and blue from 0 to 1 in front of the background. */
function narrowed(
  { data, width: from, height }: Pixels,
  width: number,
  { count, table }: Taps,
  background: readonly number[],
) {
  const bytes = data.length / (from * height);
  const lines = new Float64Array(height * width * 3);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const column = x * (1 + count);
      const left = table[column]!;
      for (let c = 0; c < 3; c++) {
        let sum = left < 0 ? background[c]! : 0;
        for (let i = 0; left >= 0 && i < count; i++) {
          const at = (y * from + left + i) * bytes;
          const opacity = bytes === 4 ? data[at + 3]! / 255 : 1;
          const value = data[bytes === 1 ? at : at + c]! / 255;
          sum += table[column + 1 + i]! * (opacity * value + (1 - opacity) * background[c]!);
        }
        lines[(y * width + x) * 3 + c] = sum;
      }
    }
  }
  return lines;
}
