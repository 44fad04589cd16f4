/* Sizes that works of works.ts share: those of the networks of the site, and awkward ones. */

/** A size that a visitor can type: its name, and its range. */
export interface Size {
  readonly name: string;
  readonly least: number;
  readonly most: number;
}

/** Sizes with a name: those of a network of the site, or awkward ones. */
export interface Shape {
  readonly name: string;
  readonly sizes: readonly number[];
  /** Whether one element of the first input is NaN. */
  readonly nan?: boolean;
}

export const size = (name: string, most = 4096, least = 1): Size => ({ name, least, most });
export const shape = (name: string, ...sizes: number[]): Shape => ({ name, sizes });

/** The same sizes as the first shape's, with NaN in the input. */
export const withNaN = (shapes: readonly Shape[]): readonly Shape[] => [
  ...shapes,
  { name: "NaN in the input", sizes: shapes[0]!.sizes, nan: true },
];

/** Rows that each kernel of a family walks along. */
export const rows = {
  sizes: [size("rows", 65536), size("length", 65536)],
  shapes: [
    shape("Digits, scores", 50, 10),
    shape("Transformer, scores", 256, 64),
    shape("Many long rows", 256, 1024),
    shape("One", 1, 1),
    shape("Primes", 37, 127),
    shape("One long row", 1, 40000),
    shape("Many short rows", 20000, 3),
  ],
  cost: (count: number, length: number) => 8 * count * length,
};

/** Heads of attention, and their sizes. */
export const heads = {
  sizes: [size("heads", 256), size("queries"), size("keys", 16384), size("columns", 512)],
  shapes: [
    shape("Transformer", 16, 64, 64, 16),
    shape("One token more", 8, 1, 1024, 64),
    shape("One", 1, 1, 1, 1),
    shape("Primes", 3, 37, 41, 7),
    shape("Long texts", 1, 512, 512, 64),
  ],
  cost: (count: number, queries: number, keys: number, columns: number) => 4 * count * queries * keys * columns,
};

const convolutionSizes = [
  size("images", 256),
  size("channels", 256),
  size("side", 256),
  size("features", 256),
  size("kernel", 11),
];
export const convolutionShapes = [
  shape("Digits, layer 1", 50, 1, 28, 8, 5),
  shape("Small images", 16, 8, 14, 16, 5),
  shape("Eight channels, 3 × 3", 4, 8, 32, 16, 3),
  shape("One pixel", 1, 1, 1, 1, 3),
  shape("Primes", 3, 5, 13, 7, 3),
  shape("Many images", 256, 1, 7, 2, 3),
];
export const convolution = {
  sizes: convolutionSizes,
  cost: (n: number, c: number, side: number, f: number, k: number) => 2 * n * c * side * side * f * k * k,
};

/** With padding as one chooses. */
export const convolutionLayer = {
  sizes: [...convolutionSizes, size("padding", 5, 0)],
  shapes: [
    shape("Digits, layer 1", 50, 1, 28, 8, 5, 2),
    shape("Digits, layer 2", 50, 8, 14, 16, 5, 0),
    shape("Eight channels, 3 × 3", 4, 8, 32, 16, 3, 1),
    shape("One pixel", 1, 1, 1, 1, 3, 1),
    shape("Primes", 3, 5, 13, 7, 3, 1),
  ],
  cost: (n: number, c: number, side: number, f: number, k: number, padding: number) =>
    2 * n * c * Math.max(0, side + 2 * padding - k + 1) ** 2 * f * k * k,
};

export const pooling = {
  sizes: [size("images", 256), size("channels", 256), size("side", 256), size("window", 8)],
  shapes: [
    shape("Digits, layer 1", 50, 8, 28, 2),
    shape("Digits, layer 2", 50, 16, 10, 2),
    shape("One", 1, 1, 1, 1),
    shape("Primes", 3, 5, 13, 3),
    shape("Large windows", 8, 4, 40, 5),
  ],
  cost: (n: number, c: number, side: number) => 4 * n * c * side * side,
};

export const recurrence = (gates: number) => ({
  sizes: [size("steps", 256), size("batch", 256), size("inputs", 512), size("hidden", 512)],
  shapes: [
    shape("Names", 12, 32, 28, 64),
    shape("Small", 8, 8, 16, 32),
    shape("One", 1, 1, 1, 1),
    shape("Primes", 5, 3, 7, 13),
    shape("Many steps", 100, 1, 8, 16),
  ],
  cost: (t: number, b: number, i: number, h: number) => 2 * gates * t * b * h * (i + h),
});

export const tables = {
  sizes: [size("positions", 65536), size("rows", 65536), size("width", 1024)],
  shapes: [
    shape("Text, characters", 1024, 64, 64),
    shape("Text, words", 1024, 1000, 64),
    shape("One", 1, 1, 1),
    shape("Primes", 31, 17, 5),
    shape("One row, often", 5000, 1, 16),
  ],
  cost: (positions: number, table: number, width: number) => 2 * (positions + table) * width,
};

export const plane = {
  sizes: [size("rows", 65536), size("columns", 65536)],
  shapes: [
    shape("Digits, a batch", 50, 784),
    shape("Square", 512, 512),
    shape("One", 1, 1),
    shape("Primes", 37, 127),
    shape("Tall", 20000, 3),
  ],
  cost: (count: number, columns: number) => 4 * count * columns,
};

export const products = [
  shape("Digits, layer 1", 50, 784, 128),
  shape("Digits, layer 2", 50, 128, 10),
  shape("Playground", 10, 2, 4),
  shape("Square", 256, 256, 256),
  shape("One", 1, 1, 1),
  shape("Primes", 127, 61, 89),
  shape("Tall", 4000, 16, 3),
  shape("Long inner size", 4, 8000, 4),
  shape("A row", 1, 512, 512),
];
