import * as tf from "@tensorflow/tfjs-core";
import { noise, permuted } from "../numbers.ts";
import type { Maker, Work } from "../work.ts";
import { normalized } from "./normalized.ts";

const resident = (seed: number, shape: number[], scale = 1): tf.Tensor =>
  tf.tensor(
    noise(
      seed,
      shape.reduce((product, n) => product * n, 1),
      scale,
    ),
    shape,
  );

/**
 * @param results runs each time. @param orders axis orders for comparing 4-D results.
 */
function kernel(results: () => tf.Tensor[], orders: readonly number[][] = []): Work {
  let last: tf.Tensor[] = [];
  return {
    once() {
      tf.dispose(last);
      last = tf.tidy(results);
    },
    async result() {
      const inOrder = tf.tidy(() =>
        last.map((tensor, i) => (orders[i] ? tf.transpose(tensor, orders[i]) : tensor.clone())),
      );
      const parts = await Promise.all(inOrder.map((tensor) => tensor.data()));
      tf.dispose(inOrder);
      return parts.flatMap((part) => [...part]);
    },
  };
}

function product(m: number, n = m, k = m, ...batches: number[]): Work {
  const [a, b] = [resident(1, [...batches, m, k]), resident(2, [...batches, k, n])];
  return kernel(() => [tf.matMul(a, b)]);
}

type Sizes = [number, number, number, number];

function moved(seed: number, shape: Sizes, order: number[], scale = 1): tf.Tensor4D {
  const size = shape.reduce((product, n) => product * n, 1);
  const { shape: next, values } = permuted({ shape, values: noise(seed, size, scale) }, order);
  return tf.tensor4d(values, [...next] as Sizes);
}

/** Images as [N, H, W, C], filters as [H, W, in, out]. */
const images = (seed: number, shape: Sizes): tf.Tensor4D => moved(seed, shape, [0, 2, 3, 1]);
const filters = (shape: Sizes): tf.Tensor4D => moved(2, shape, [2, 3, 1, 0], 0.1);
const imageOrder = [0, 3, 1, 2];

function forward(input: Sizes, filter: Sizes): Work {
  const [x, w] = [images(1, input), filters(filter)];
  return kernel(() => [tf.conv2d(x, w, 1, "same")], [imageOrder]);
}

/** 3×3, padded by one row and column on all sides. */
function withGradients(stride: number, side: number): Work {
  const out = Math.ceil(side / stride);
  const [x, w, dy] = [images(1, [8, 32, side, side]), filters([32, 32, 3, 3]), images(3, [8, 32, out, out])];
  const both = tf.valueAndGrads((a: tf.Tensor, b: tf.Tensor) =>
    tf.conv2d(a as tf.Tensor4D, b as tf.Tensor4D, stride, 1),
  );
  return kernel(() => {
    const { value, grads } = both([x, w], dy);
    return [value, ...grads];
  }, [imageOrder, imageOrder, [3, 2, 0, 1]]);
}

function total(n: number): Work {
  const x = tf.tensor1d(noise(1, n).map((value) => value + 1));
  return kernel(() => [tf.sum(x)]);
}

export const kernels: Readonly<Record<string, Maker<void>>> = {
  matmul256: () => product(256),
  matmul512: () => product(512),
  matmul1024: () => product(1024),
  matmulTN512() {
    const [a, b] = [resident(1, [512, 512]), resident(2, [512, 512])];
    return kernel(() => [tf.matMul(a, b, true)]);
  },
  matmulOdd: () => product(501, 303, 777),
  matmulDeep: () => product(64, 64, 8192),
  matmulVector: () => product(2048, 1, 2048),
  matmulBatch: () => product(96, 96, 96, 32),
  conv: () => forward([8, 32, 32, 32], [32, 32, 3, 3]),
  convGrads: () => withGradients(1, 32),
  convPointwise: () => forward([8, 64, 32, 32], [128, 64, 1, 1]),
  convStride: () => withGradients(2, 33),
  pointwise() {
    const x = resident(1, [2 ** 20], 4);
    return kernel(() => [tf.sub(tf.mul(tf.tanh(tf.add(tf.mul(x, 1.5), 0.25)), tf.sigmoid(x)), tf.mul(x, 0.5))]);
  },
  softmax() {
    const x = resident(1, [1024, 1024], 4);
    return kernel(() => [tf.softmax(x)]);
  },
  layerNorm() {
    const x = resident(1, [1024, 1024], 4) as tf.Tensor2D;
    const [weight, bias] = [resident(2, [1024]), resident(3, [1024])];
    return kernel(() => [normalized(x, weight, bias)]);
  },
  sum: () => total(2 ** 20),
  readback() {
    const work = total(4096);
    let last: ArrayLike<number> = [];
    return {
      async once() {
        work.once();
        last = await work.result();
      },
      result: async () => last,
    };
  },
};
