import { labels, noise, oneHot, type Values } from "./numbers.ts";

/*
 * The training tasks: initial weights with PyTorch's names and layouts, and one batch, used in every step.
 */

export type Parameters = Readonly<Record<string, Values>>;

/**
 * @param seed one per parameter. @param fanIn default the product of all sizes but the first.
 */
function weight(seed: number, shape: readonly number[], fanIn?: number): Values {
  const size = shape.reduce((product, n) => product * n, 1);
  return { shape, values: noise(seed, size, 1 / Math.sqrt(fanIn ?? size / shape[0]!)) };
}

const same = (n: number, value: number): Values => ({ shape: [n], values: new Float32Array(n).fill(value) });

export interface Classes {
  readonly x: Float32Array<ArrayBuffer>;
  readonly labels: Int32Array<ArrayBuffer>;
  /** For libraries that cannot select the label's probability on the GPU and differentiate through it. */
  readonly oneHot: Float32Array<ArrayBuffer>;
}

function classified(x: Float32Array<ArrayBuffer>, rows: number, classes: number): Classes {
  const picked = labels(2, rows, classes);
  return { x, labels: picked, oneHot: oneHot(picked, classes) };
}

/** 2-16-16-1 with tanh, mean squared error, SGD with learning rate 0.1. */
export const tiny = () => ({
  parameters: {
    "0.weight": weight(10, [16, 2]),
    "0.bias": weight(11, [16], 2),
    "2.weight": weight(12, [16, 16]),
    "2.bias": weight(13, [16], 16),
    "4.weight": weight(14, [1, 16]),
    "4.bias": weight(15, [1], 16),
  },
  x: noise(1, 32 * 2),
  y: noise(2, 32),
});

/** 784-128-10 with ReLU, cross-entropy, Adam. */
export const mlp = (batch = 64) => ({
  parameters: {
    "0.weight": weight(20, [128, 784]),
    "0.bias": weight(21, [128], 784),
    "2.weight": weight(22, [10, 128]),
    "2.bias": weight(23, [10], 128),
  },
  ...classified(noise(1, batch * 784), batch, 10),
});

/** A denoising autoencoder, 784-128-32-128-784, with ReLU and a sigmoid at the end; mean squared error, Adam. */
export const autoencoder = () => ({
  parameters: {
    "0.weight": weight(60, [128, 784]),
    "0.bias": weight(61, [128], 784),
    "2.weight": weight(62, [32, 128]),
    "2.bias": weight(63, [32], 128),
    "4.weight": weight(64, [128, 32]),
    "4.bias": weight(65, [128], 32),
    "6.weight": weight(66, [784, 128]),
    "6.bias": weight(67, [784], 128),
  },
  x: noise(1, 64 * 784),
  y: noise(2, 64 * 784).map((value) => (value + 1) / 2),
});

/** Two convolutions with ReLU and pooling, one dense layer, cross-entropy, Adam. */
export const lenet = () => ({
  parameters: {
    "0.weight": weight(30, [8, 1, 5, 5]),
    "0.bias": weight(31, [8], 25),
    "3.weight": weight(32, [16, 8, 5, 5]),
    "3.bias": weight(33, [16], 200),
    "7.weight": weight(34, [10, 784]),
    "7.bias": weight(35, [10], 784),
  },
  ...classified(noise(1, 64 * 28 * 28), 64, 10),
});

/** One-hot characters through an LSTM and a dense layer at each of 32 steps; cross-entropy, Adam. */
export const lstm = () => recurrent(4);

/** The same with a GRU that has one bias. */
export const gru = () => recurrent(3);

const recurrent = (gates: number) => ({
  parameters: {
    weight_ih: weight(40, [gates * 128, 64], 128),
    weight_hh: weight(41, [gates * 128, 128], 128),
    bias: weight(42, [gates * 128], 128),
    "head.weight": weight(43, [64, 128]),
    "head.bias": weight(44, [64], 128),
  },
  ...classified(oneHot(labels(1, 32 * 32, 64), 64), 32 * 32, 64),
});

/**
 * A pre-norm block of width 64 with four heads, feed-forward 256, ReLU; mean squared error, Adam. Batch 4, 64
 * positions.
 */
export const transformer = () => ({
  parameters: {
    "self_attn.in_proj_weight": weight(50, [192, 64]),
    "self_attn.in_proj_bias": weight(51, [192], 64),
    "self_attn.out_proj.weight": weight(52, [64, 64]),
    "self_attn.out_proj.bias": weight(53, [64], 64),
    "linear1.weight": weight(54, [256, 64]),
    "linear1.bias": weight(55, [256], 64),
    "linear2.weight": weight(56, [64, 256]),
    "linear2.bias": weight(57, [64], 256),
    "norm1.weight": same(64, 1),
    "norm1.bias": same(64, 0),
    "norm2.weight": same(64, 1),
    "norm2.bias": same(64, 0),
  },
  x: noise(1, 4 * 64 * 64),
  y: noise(2, 4 * 64 * 64),
});
