import * as tf from "@tensorflow/tfjs-core";
import { permuted } from "../numbers.ts";
import * as tasks from "../tasks.ts";
import { mlp as network } from "./mlp.ts";
import { normalized } from "./normalized.ts";
import { dense, train, trained } from "./train.ts";

export const mlp = () => network();
export const mlpWide = () => network(1024);

export function tiny() {
  const { parameters, x, y } = tasks.tiny();
  const layers = ([0, 2, 4] as const).map((i) => ({
    b: dense(parameters[`${i}.weight`]),
    bias: trained(parameters[`${i}.bias`]),
  }));
  return train(
    () => [tf.tensor2d(x, [32, 2]), tf.tensor2d(y, [32, 1])],
    (input, target) => {
      const out = layers.reduce<tf.Tensor2D>((a, { b, bias }, i) => {
        const sums = tf.fused.matMul({ a, b, bias }) as tf.Tensor2D;
        return i < 2 ? tf.tanh(sums) : sums;
      }, input);
      return tf.losses.meanSquaredError(target, out);
    },
    tf.train.sgd(0.1),
  );
}

export function autoencoder() {
  const { parameters, x, y } = tasks.autoencoder();
  const layers = ([0, 2, 4, 6] as const).map((i) => ({
    b: dense(parameters[`${i}.weight`]),
    bias: trained(parameters[`${i}.bias`]),
    activation: i < 6 ? ("relu" as const) : ("sigmoid" as const),
  }));
  return train(
    () => [tf.tensor2d(x, [64, 784]), tf.tensor2d(y, [64, 784])],
    (input, target) => {
      const out = layers.reduce<tf.Tensor2D>((a, layer) => tf.fused.matMul({ a, ...layer }) as tf.Tensor2D, input);
      return tf.losses.meanSquaredError(target, out);
    },
  );
}

export function lenet() {
  const { parameters, x, oneHot } = tasks.lenet();
  // Images are [N, H, W, C] here and filters [H, W, in, out], so the last layer's inputs are in another order.
  const images = permuted({ shape: [64, 1, 28, 28], values: x }, [0, 2, 3, 1]).values;
  const filters = (["0", "3"] as const).map((i) => ({
    filter: trained<tf.Rank.R4>(parameters[`${i}.weight`], [2, 3, 1, 0]),
    bias: trained<tf.Rank.R1>(parameters[`${i}.bias`]),
  }));
  const head = permuted({ shape: [10, 16, 7, 7], values: parameters["7.weight"].values }, [2, 3, 1, 0]).values;
  const b = trained<tf.Rank.R2>({ shape: [784, 10], values: head });
  const bias = trained(parameters["7.bias"]);
  return train(
    () => [tf.tensor4d(images, [64, 28, 28, 1]), tf.tensor2d(oneHot, [64, 10])],
    (input, y) => {
      const features = filters.reduce<tf.Tensor4D>((a, layer) => {
        const bent = tf.fused.conv2d({ x: a, ...layer, strides: 1, pad: "same", activation: "relu" });
        return tf.maxPool(bent, 2, 2, "valid");
      }, input);
      return tf.losses.softmaxCrossEntropy(y, tf.fused.matMul({ a: tf.reshape(features, [64, 784]), b, bias }));
    },
  );
}

export function lstm() {
  const { parameters, x, oneHot } = tasks.lstm();
  const [wi, wh] = [dense(parameters.weight_ih), dense(parameters.weight_hh)];
  const [bias, b] = [trained(parameters.bias), dense(parameters["head.weight"])];
  const headBias = trained(parameters["head.bias"]);
  return train(
    () => [tf.tensor2d(x, [32 * 32, 64]), tf.tensor2d(oneHot, [32 * 32, 64])],
    (input, y) => {
      // One product computes the inputs' part of all steps.
      const gates = tf.split(tf.fused.matMul({ a: input, b: wi, bias }), 32);
      let h: tf.Tensor2D = tf.zeros([32, 128]);
      let c: tf.Tensor2D = tf.zeros([32, 128]);
      const outputs = gates.map((share) => {
        const [i, f, g, o] = tf.split(tf.add(share, tf.matMul(h, wh)) as tf.Tensor2D, 4, 1);
        c = tf.add(tf.mul(tf.sigmoid(f!), c), tf.mul(tf.sigmoid(i!), tf.tanh(g!)));
        h = tf.mul(tf.sigmoid(o!), tf.tanh(c));
        return h;
      });
      return tf.losses.softmaxCrossEntropy(y, tf.fused.matMul({ a: tf.concat(outputs), b, bias: headBias }));
    },
  );
}

export function gru() {
  const { parameters, x, oneHot } = tasks.gru();
  const [wi, wh] = [dense(parameters.weight_ih), dense(parameters.weight_hh)];
  const [bias, b] = [trained(parameters.bias), dense(parameters["head.weight"])];
  const headBias = trained(parameters["head.bias"]);
  return train(
    () => [tf.tensor2d(x, [32 * 32, 64]), tf.tensor2d(oneHot, [32 * 32, 64])],
    (input, y) => {
      const gates = tf.split(tf.fused.matMul({ a: input, b: wi, bias }), 32);
      let h: tf.Tensor2D = tf.zeros([32, 128]);
      const outputs = gates.map((share) => {
        const [r, z, n] = tf.split(share as tf.Tensor2D, 3, 1);
        const [hr, hz, hn] = tf.split(tf.matMul(h, wh) as tf.Tensor2D, 3, 1);
        const [reset, update] = [tf.sigmoid(tf.add(r!, hr!)), tf.sigmoid(tf.add(z!, hz!))];
        const next = tf.tanh(tf.add(n!, tf.mul(reset, hn!)));
        // (1 − z) · n + z · h
        h = tf.add(next, tf.mul(update, tf.sub(h, next)));
        return h;
      });
      return tf.losses.softmaxCrossEntropy(y, tf.fused.matMul({ a: tf.concat(outputs), b, bias: headBias }));
    },
  );
}

export function transformer() {
  const { parameters, x, y } = tasks.transformer();
  const layer = (weight: keyof typeof parameters, bias: keyof typeof parameters) => ({
    b: dense(parameters[weight]),
    bias: trained(parameters[bias]),
  });
  const project = layer("self_attn.in_proj_weight", "self_attn.in_proj_bias");
  const out = layer("self_attn.out_proj.weight", "self_attn.out_proj.bias");
  const [inner, outer] = [layer("linear1.weight", "linear1.bias"), layer("linear2.weight", "linear2.bias")];
  const norms = (["norm1", "norm2"] as const).map(
    (name) => [trained(parameters[`${name}.weight`]), trained(parameters[`${name}.bias`])] as const,
  );
  return train(
    () => [tf.tensor2d(x, [256, 64]), tf.tensor2d(y, [256, 64])],
    (input, target) => {
      const parts = tf.fused.matMul({ a: normalized(input, ...norms[0]!), ...project });
      // [batch, position, part, head, 16] → three of [batch, head, position, 16].
      const [q, k, v] = tf.unstack(
        tf.transpose(tf.reshape(parts, [4, 64, 3, 4, 16]), [2, 0, 3, 1, 4]),
      ) as tf.Tensor4D[];
      const weights = tf.softmax(tf.mul(tf.matMul(q!, k!, false, true), 1 / 4));
      const heads = tf.reshape(tf.transpose(tf.matMul(weights, v!), [0, 2, 1, 3]), [256, 64]) as tf.Tensor2D;
      const h: tf.Tensor2D = tf.add(input, tf.fused.matMul({ a: heads, ...out }));
      const a = tf.fused.matMul({ a: normalized(h, ...norms[1]!), ...inner, activation: "relu" });
      return tf.losses.meanSquaredError(target, tf.add(h, tf.fused.matMul({ a, ...outer })));
    },
  );
}
