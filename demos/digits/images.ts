import { type Pack, pixels } from "./packs.ts";

/** Images, one after the other, and their digits. */
export interface Images {
  readonly count: number;
  readonly pixels: Uint8Array<ArrayBuffer>;
  readonly labels: Uint8Array<ArrayBuffer>;
}

export interface Digits {
  readonly train: Images;
  readonly test: Images;
}

/** A view of one image. */
export const imageAt = (images: Pick<Images, "pixels">, index: number): Uint8Array =>
  images.pixels.subarray(index * pixels, (index + 1) * pixels);

/** The images of an unpacked file, without a copy. */
export function unpack({ train, test }: Pick<Pack, "train" | "test">, bytes: Uint8Array<ArrayBuffer>): Digits {
  const images = bytes.subarray(train + test);
  return {
    train: { count: train, labels: bytes.subarray(0, train), pixels: images.subarray(0, train * pixels) },
    test: { count: test, labels: bytes.subarray(train, train + test), pixels: images.subarray(train * pixels) },
  };
}

/** The images of several packs, in order. */
export function joined(parts: readonly Digits[]): Digits {
  const join = (set: "train" | "test"): Images => {
    const count = parts.reduce((sum, part) => sum + part[set].count, 0);
    const all = { count, labels: new Uint8Array(count), pixels: new Uint8Array(count * pixels) };
    let at = 0;
    for (const part of parts) {
      all.labels.set(part[set].labels, at);
      all.pixels.set(part[set].pixels, at * pixels);
      at += part[set].count;
    }
    return all;
  };
  return parts.length === 1 ? parts[0]! : { train: join("train"), test: join("test") };
}

/** Mean and standard deviation of the training images' pixels, on a scale from 0 to 1. */
export const normalization = { mean: 0.1307, std: 0.3081 } as const;

/** What a network takes for each byte. */
const values = Float32Array.from({ length: 256 }, (_, byte) => (byte / 255 - normalization.mean) / normalization.std);

/** Images as a network takes them. @param indices of the images, in order. */
export function inputOf(images: Pick<Images, "pixels">, indices: ArrayLike<number>): Float32Array<ArrayBuffer> {
  const input = new Float32Array(indices.length * pixels);
  for (let i = 0; i < indices.length; i++) {
    const from = indices[i]! * pixels;
    for (let k = 0; k < pixels; k++) input[i * pixels + k] = values[images.pixels[from + k]!]!;
  }
  return input;
}
