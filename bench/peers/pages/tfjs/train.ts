import "@tensorflow/tfjs-core/dist/register_all_gradients";
import * as tf from "@tensorflow/tfjs-core";
import { permuted, type Values } from "../numbers.ts";
import type { Work } from "../work.ts";

/** A trainable variable, with its axes in TensorFlow's order. */
export function trained<R extends tf.Rank>(values: Values, order: readonly number[] = values.shape.map((_, i) => i)) {
  const moved = permuted(values, order);
  return tf.variable<R>(tf.tensor(moved.values, [...moved.shape] as tf.ShapeMap[R]));
}

/** A layer's weight `[out, in]` as `[in, out]`. */
export const dense = (values: Values) => trained<tf.Rank.R2>(values, [1, 0]);

export const adam = (): tf.Optimizer => tf.train.adam(1e-3, 0.9, 0.999, 1e-8);

/** Steps of an optimizer. @param batch uploads one. @param lossOf is differentiated. */
export function train<X extends tf.Tensor, Y extends tf.Tensor>(
  batch: () => [X, Y],
  lossOf: (x: X, y: Y) => tf.Scalar,
  optimizer: tf.Optimizer = adam(),
): Work {
  let loss: tf.Scalar | undefined;
  return {
    once() {
      loss?.dispose();
      const tensors = batch();
      loss = optimizer.minimize(() => lossOf(...tensors), true) ?? undefined;
      tf.dispose(tensors);
    },
    result: () => loss!.data(),
  };
}
