import * as tf from "@tensorflow/tfjs-core";

/** (x − mean) / √(variance + 10⁻⁵) · weight + bias over the last axis. */
export function normalized(x: tf.Tensor2D, weight: tf.Tensor, bias: tf.Tensor): tf.Tensor2D {
  const { mean, variance } = tf.moments(x, 1, true);
  return tf.add(tf.mul(tf.mul(tf.sub(x, mean), tf.rsqrt(tf.add(variance, 1e-5))), weight), bias);
}
