import { conv2d, layerNorm, matmul, softmax, sum, type Tensor } from "../../src/index.ts";
import { convFamily } from "../../src/kernels/conv2d.ts";
import { normFamily } from "../../src/kernels/layerNorm.ts";
import { matmulFamily } from "../../src/kernels/matmul.ts";
import { reduceFamily } from "../../src/kernels/reduce.ts";
import { softmaxFamily } from "../../src/kernels/softmax.ts";
import { given, type KernelCase, times } from "./case.ts";

/*
 * Kernel cases by their sizes: what the lists of cases are made of.
 */

type Size = Pick<KernelCase, "long" | "work">;

export const product = (shape: string, build: () => Tensor, size: Size = {}): KernelCase => ({
  family: "matmul",
  shape,
  forces: matmulFamily,
  ...size,
  build: () => ({ outputs: { y: build() } }),
});

/** `[m, k] × [k, n]` */
export const plain = (m: number, k: number, n: number, size?: Size): KernelCase =>
  product(times([m, k, n]), () => matmul(given("a", m, k), given("b", k, n)), size);

/** A square product for GPUs. */
export const large = (n: number): KernelCase => plain(n, n, n, { work: { flops: 2 * n ** 3, bytes: 12 * n ** 2 } });

export interface ConvShape {
  readonly name: string;
  readonly image: readonly [number, number, number, number];
  readonly weight: readonly [number, number, number, number];
  readonly options: { readonly stride?: number; readonly padding?: number; readonly groups?: number };
}

export const conv3x3: ConvShape = {
  name: "3×3",
  image: [8, 32, 32, 32],
  weight: [32, 32, 3, 3],
  options: { padding: 1 },
};

export const shapeOf = ({ name, image, weight }: ConvShape): string => `${name}: ${times(image)} * ${times(weight)}`;

export const convolution = (conv: ConvShape): KernelCase => ({
  family: "conv2d",
  shape: shapeOf(conv),
  forces: convFamily,
  build: () => ({
    outputs: { y: conv2d(given("x", ...conv.image), given("w", ...conv.weight), undefined, conv.options) },
  }),
});

export const softmaxOf = (rows: number): KernelCase => ({
  family: "softmax",
  shape: `softmax ${rows}×1024`,
  forces: softmaxFamily,
  build: () => ({ outputs: { y: softmax(given("x", rows, 1024)) } }),
});

/** The sum of all of `rows` rows of 1024, of each row, or of each column. */
export const sumOf = (rows: number, of: "" | " of rows" | " of columns" = ""): KernelCase => ({
  family: "reduce",
  shape: `sum${of} ${rows}×1024`,
  forces: reduceFamily,
  build: () => ({
    outputs: { y: sum(given("x", rows, 1024), { "": [0, 1], " of rows": [1], " of columns": [0] }[of]) },
  }),
});

export const layerNormOf = (rows: number): KernelCase => ({
  family: "layerNorm",
  shape: `${rows}×1024`,
  forces: normFamily,
  build: () => ({
    outputs: { y: layerNorm(given("x", rows, 1024), 1024, { weight: given("w", 1024), bias: given("b", 1024) }) },
  }),
});
