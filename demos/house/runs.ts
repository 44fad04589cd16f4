/*
 * Recorded runs: what the cards of the front page replay. All numbers are of real runs, written by record.ts.
 */

/** Values from least to most as letters of base 36, to keep files small. */
export const pack = (values: ArrayLike<number>, least: number, most: number): string =>
  Array.from(values, (value) =>
    Math.round((35 * (Math.min(most, Math.max(least, value)) - least)) / (most - least)).toString(36),
  ).join("");

/** A packed value, from 0 to 1. */
export const unpack = (text: string, i: number): number => Number.parseInt(text[i]!, 36) / 35;

/** A line that is fitted to points by gradient descent. */
export interface CourseRun {
  readonly points: readonly (readonly [x: number, y: number])[];
  /** Before each step: the loss, and the line. */
  readonly frames: readonly { readonly loss: number; readonly w: number; readonly b: number }[];
}

/** A small network that tells two spirals apart. */
export interface PlaygroundRun {
  /** Points: x, y from −1 to 1, and the class. */
  readonly points: readonly (readonly [x: number, y: number, side: 1 | -1])[];
  /** After some steps: the loss, and the output over the plane, side × side from top left, packed from −1 to 1. */
  readonly frames: readonly { readonly step: number; readonly loss: number; readonly plane: string }[];
  readonly side: number;
}

/** A convolutional network that learns digits. */
export interface DigitsRun {
  /** An image of the test set, 28 × 28, packed from 0 to 255. */
  readonly image: string;
  /** After some steps: the share of 1,000 test images read right, and the ten probabilities of the image, packed from 0 to 1. */
  readonly frames: readonly { readonly step: number; readonly accuracy: number; readonly votes: string }[];
}

/** A network that learns to write. */
export interface TextRun {
  /** After some steps: bits per character, and what it writes. */
  readonly frames: readonly { readonly step: number; readonly bits: number; readonly text: string }[];
}

/** The dispatches of one training step of LeNet, in order. */
export interface InsideRun {
  readonly adapter: string;
  readonly dispatches: readonly { readonly label: string; readonly ms: number }[];
}

/** A model of digits reads some images. */
export interface OnnxRun {
  /** Of its nodes, in order. */
  readonly ops: readonly string[];
  /** Images, 28 × 28, packed from 0 to 255, and their ten probabilities, packed from 0 to 1. */
  readonly images: readonly { readonly image: string; readonly votes: string }[];
}

/** The variants of a matrix product under the adapter's roof. */
export interface KernelsRun {
  readonly adapter: string;
  readonly rungs: readonly { readonly variant: string; readonly gflops: number }[];
  readonly roof: number;
}

/** The limits of an adapter and the steps it takes. */
export interface SpeedRun {
  readonly adapter: string;
  readonly gflops: number;
  readonly steps: readonly { readonly name: string; readonly ms: number }[];
}

export interface Runs {
  readonly course: CourseRun;
  readonly playground: PlaygroundRun;
  readonly digits: DigitsRun;
  readonly text: TextRun;
  readonly inside: InsideRun;
  readonly onnx: OnnxRun;
  readonly kernels: KernelsRun;
  readonly speed: SpeedRun;
}
