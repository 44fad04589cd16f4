import * as tf from "@tensorflow/tfjs-core";
import { noise, permuted } from "../numbers.ts";
import type { Maker, Work } from "../work.ts";
import { normalized } from "./normalized.ts";
import { flush } from "./train.ts";

const resident = (seed: number, shape: number[], scale = 1): tf.Tensor =>
  tf.tensor(
    noise(
      seed,
      shape.reduce((product, n) => product * n, 1),
      scale,
    ),
    shape,
  );

/** @param results is run each time. @param order of the axes in which a result is compared, where it has four. */
function kernel(results: () => tf.Tensor[], orders: readonly number[][] = []): Work {
  let last: tf.Tensor[] = [];
  return {
    once() {
      tf.dispose(last);
      last = tf.tidy(results);
    },
    flush,
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

function square(n: number, transposed = false): Work {
  const [a, b] = [resident(1, [n, n]), resident(2, [n, n])];
  return kernel(() => [tf.matMul(a, b, transposed)]);
}

/** Images as [N, H, W, C], filters as [H, W, in, out]. */
function convolution() {
  const moved = (seed: number, shape: number[], order: number[], scale: number) => {
    const { shape: next, values } = permuted(
      { shape, values: noise(seed, shape[0]! * shape[1]! * shape[2]! * shape[3]!, scale) },
      order,
    );
    return tf.tensor4d(values, [...next] as [number, number, number, number]);
  };
  return {
    x: moved(1, [8, 32, 32, 32], [0, 2, 3, 1], 1),
    w: moved(2, [32, 32, 3, 3], [2, 3, 1, 0], 0.1),
    dy: moved(3, [8, 32, 32, 32], [0, 2, 3, 1], 1),
  };
}
const imageOrder = [0, 3, 1, 2];

function total(n: number): Work {
  const x = tf.tensor1d(noise(1, n).map((value) => value + 1));
  return kernel(() => [tf.sum(x)]);
}

export const kernels: Readonly<Record<string, Maker<void>>> = {
  matmul256: () => square(256),
  matmul512: () => square(512),
  matmul1024: () => square(1024),
  matmulTN512: () => square(512, true),
  conv() {
    const { x, w } = convolution();
    return kernel(() => [tf.conv2d(x, w, 1, "same")], [imageOrder]);
  },
  convGrads() {
    const { x, w, dy } = convolution();
    const both = tf.valueAndGrads((a: tf.Tensor, b: tf.Tensor) =>
      tf.conv2d(a as tf.Tensor4D, b as tf.Tensor4D, 1, "same"),
    );
    return kernel(() => {
      const { value, grads } = both([x, w], dy);
      return [value, ...grads];
    }, [imageOrder, imageOrder, [3, 2, 0, 1]]);
  },
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
