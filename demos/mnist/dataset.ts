import { data } from "../../src/index.ts";

/** MNIST's images are 28 × 28 bytes, 0 for paper and 255 for ink. */
export const side = 28;
export const pixels = side * side;
export const classes = 10;

/** Images, one byte per pixel, and their labels. */
export type Digits = {
  readonly x: { readonly data: Uint8Array; readonly shape: readonly [n: number, pixels: number] };
  readonly y: { readonly data: Int32Array; readonly shape: readonly [n: number] };
};

export interface Mnist {
  readonly train: Digits;
  readonly test: Digits;
}

/**
 * Parses matching image and label files.
 * @throws Error for valid IDX files that are not MNIST; FormatError for others.
 */
export function digits(images: Uint8Array, labels: Uint8Array): Digits {
  const x = data.parseIdx(images, "MNIST images");
  const y = data.parseIdx(labels, "MNIST labels");
  const [n = 0, ...size] = x.shape;
  if (!(x.data instanceof Uint8Array) || size.join() !== `${side},${side}` || y.shape.join() !== `${n}`) {
    throw new Error(`expected n images of ${side} × ${side} bytes and n labels, got [${x.shape}] and [${y.shape}]`);
  }
  return { x: { data: x.data, shape: [n, pixels] }, y: { data: Int32Array.from(y.data), shape: [n] } };
}

/** The first `count` digits, without a copy. */
export function first({ x, y }: Digits, count: number): Digits {
  const n = Math.min(count, y.data.length);
  return {
    x: { data: x.data.subarray(0, n * pixels), shape: [n, pixels] },
    y: { data: y.data.subarray(0, n), shape: [n] },
  };
}

/** A view of one image. */
export const imageAt = ({ x }: Digits, index: number): Uint8Array =>
  x.data.subarray(index * pixels, (index + 1) * pixels);

/** Mean and standard deviation of the training images' pixels, on a scale from 0 to 1. */
export const normalization = { mean: 0.1307, std: 0.3081 } as const;

/** Bytes as the network's input. */
export const normalized = (bytes: Uint8Array): Float32Array => data.scale(bytes, normalization);
