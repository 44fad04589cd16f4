import { type DType, type Shape, showShape, sizeOf } from "../../src/graph/shape.ts";
import type { TensorData } from "../../src/index.ts";

/** How an input gets its numbers. */
export const ways = {
  image: "An image file",
  random: "Random numbers",
  zeros: "Zeros",
  typed: "Numbers that you type",
} as const;

export type Way = keyof typeof ways;

/** Where an input has the colours and sizes of an image. */
export interface ImageAxes {
  readonly channels: 1 | 3;
  readonly height: number;
  readonly width: number;
  /** Whether channels are the last axis. */
  readonly last: boolean;
}

/** Four axes are images if one or three colours follow the batch, or come last. */
export function imageAxes(shape: Shape): ImageAxes | undefined {
  if (shape.length !== 4) return undefined;
  const [, a, b, c] = shape as readonly [number, number, number, number];
  if (a === 1 || a === 3) return { channels: a, height: b, width: c, last: false };
  return c === 1 || c === 3 ? { channels: c, height: a, width: b, last: true } : undefined;
}

/** Means and standard deviations of ImageNet's colours, as models of torchvision expect them. */
const imagenet = [
  [0.485, 0.229],
  [0.456, 0.224],
  [0.406, 0.225],
] as const;

export type Scaling = "unit" | "signed" | "imagenet" | "bytes" | "dark";

/** What a network takes for a byte of a colour. */
export const scalings: Readonly<Record<Scaling, { name: string; of(byte: number, channel: number): number }>> = {
  unit: { name: "0 … 1", of: (byte) => byte / 255 },
  signed: { name: "−1 … 1", of: (byte) => byte / 127.5 - 1 },
  imagenet: {
    name: "ImageNet's mean and deviation",
    of: (byte, channel) => (byte / 255 - imagenet[channel]![0]) / imagenet[channel]![1],
  },
  bytes: { name: "0 … 255", of: (byte) => byte },
  dark: { name: "1 … 0, for dark ink", of: (byte) => 1 - byte / 255 },
};

const arrays = { f32: Float32Array, f16: Float32Array, i32: Int32Array, u32: Uint32Array } as const;

/** An image for each sample of an input. @param pixels RGBA of its height and width. */
export function fromImage(pixels: ArrayLike<number>, shape: Shape, dtype: DType, scaling: Scaling): TensorData {
  const { channels, height, width, last } = imageAxes(shape)!;
  const { of } = scalings[scaling];
  const size = height * width;
  const image = new arrays[dtype](channels * size);
  for (let i = 0; i < size; i++) {
    const [red, green, blue] = [pixels[4 * i]!, pixels[4 * i + 1]!, pixels[4 * i + 2]!];
    const colors = channels === 3 ? [red, green, blue] : [0.299 * red + 0.587 * green + 0.114 * blue];
    colors.forEach((color, channel) => {
      image[last ? i * channels + channel : channel * size + i] = of(color, channel);
    });
  }
  const all = new arrays[dtype](sizeOf(shape));
  for (let at = 0; at < all.length; at += image.length) all.set(image, at);
  return all;
}

/** Random numbers have this range: floats 0 … 1, whole numbers 0 … 9, truth values 0 and 1. */
export function random(shape: Shape, dtype: DType, type: string): TensorData {
  const high = type === "bool" ? 2 : 10;
  const draw = dtype === "f32" ? Math.random : () => Math.floor(high * Math.random());
  const numbers = zeros(shape, dtype);
  for (let i = 0; i < numbers.length; i++) numbers[i] = draw();
  return numbers;
}

export const zeros = (shape: Shape, dtype: DType): TensorData => new arrays[dtype](sizeOf(shape));

/** Numbers with anything but letters and digits between them. @throws Error that says what is wrong. */
export function typed(text: string, shape: Shape, dtype: DType): TensorData {
  const parts = text.split(/[\s,;[\]]+/).filter((part) => part !== "");
  const numbers = parts.map(Number);
  const wrong = parts.find((_, i) => Number.isNaN(numbers[i]!));
  if (wrong !== undefined) throw new Error(`“${wrong.slice(0, 20)}” is not a number`);
  const size = sizeOf(shape);
  if (numbers.length !== size)
    throw new Error(`there are ${numbers.length} numbers, ${showShape(shape)} takes ${size}`);
  const broken = dtype === "f32" ? undefined : numbers.find((value) => !Number.isInteger(value));
  if (broken !== undefined) throw new Error(`${broken} is not a whole number`);
  return arrays[dtype].from(numbers);
}
