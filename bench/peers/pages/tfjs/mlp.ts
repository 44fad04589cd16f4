import * as tf from "@tensorflow/tfjs-core";
import * as tasks from "../tasks.ts";
import { dense, train, trained } from "./train.ts";

export function mlp(batch = 64) {
  const { parameters, x, oneHot } = tasks.mlp(batch);
  const [w1, w2] = [dense(parameters["0.weight"]), dense(parameters["2.weight"])];
  const [b1, b2] = [trained(parameters["0.bias"]), trained(parameters["2.bias"])];
  return train(
    () => [tf.tensor2d(x, [batch, 784]), tf.tensor2d(oneHot, [batch, 10])],
    (a, y) => {
      const hidden = tf.fused.matMul({ a, b: w1, bias: b1, activation: "relu" });
      return tf.losses.softmaxCrossEntropy(y, tf.fused.matMul({ a: hidden, b: w2, bias: b2 }));
    },
  );
}
