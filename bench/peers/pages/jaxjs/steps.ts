import { lax, nn, numpy as np } from "@jax-js/jax";
import * as tasks from "../tasks.ts";
import { mlp as network } from "./mlp.ts";
import { normalized } from "./normalized.ts";
import { type Arrays, array, crossEntropy, sgd, train } from "./train.ts";

export const mlp = () => network();
export const mlpWide = () => network(1024);

const dense = (x: np.Array, p: Arrays, weight: string, bias: string): np.Array =>
  np.matmul(x, p[weight]!).add(p[bias]!);

export function tiny() {
  const { parameters, x, y } = tasks.tiny();
  return train(
    parameters,
    () => [array(x, [32, 2]), array(y, [32, 1])],
    (p, input, target) => {
      const first = np.tanh(dense(input, p, "0.weight", "0.bias"));
      const second = np.tanh(dense(first, p, "2.weight", "2.bias"));
      return np.square(dense(second, p, "4.weight", "4.bias").sub(target)).mean();
    },
    sgd(0.1),
  );
}

export function autoencoder() {
  const { parameters, x, y } = tasks.autoencoder();
  return train(
    parameters,
    () => [array(x, [64, 784]), array(y, [64, 784])],
    (p, input, target) => {
      const code = ["0", "2", "4"].reduce((a, i) => nn.relu(dense(a, p, `${i}.weight`, `${i}.bias`)), input);
      return np.square(nn.sigmoid(dense(code, p, "6.weight", "6.bias")).sub(target)).mean();
    },
  );
}

/** Maximum of each 2×2 window. */
const pooled = (x: np.Array): np.Array => {
  const [n, c, h, w] = x.shape as [number, number, number, number];
  return np.max(x.reshape([n, c, h / 2, 2, w / 2, 2]), [3, 5]);
};

export function lenet() {
  const { parameters, x, oneHot } = tasks.lenet();
  return train(
    parameters,
    () => [array(x, [64, 1, 28, 28]), array(oneHot, [64, 10])],
    (p, input, y) => {
      const convolved = (a: np.Array, layer: string) => {
        const bias = p[`${layer}.bias`]!;
        const sums = lax.conv(a, p[`${layer}.weight`]!, [1, 1], "SAME");
        return pooled(nn.relu(sums.add(bias.reshape([bias.shape[0]!, 1, 1]))));
      };
      const features = convolved(convolved(input, "0"), "3");
      return crossEntropy(dense(features.reshape([64, 784]), p, "7.weight", "7.bias"), y);
    },
  );
}

export function lstm() {
  const { parameters, x, oneHot } = tasks.lstm();
  return train(
    parameters,
    () => [array(x, [32 * 32, 64]), array(oneHot, [32 * 32, 64])],
    (p, input, y) => {
      // One product computes the inputs' part of all steps.
      const gates = dense(input, p, "weight_ih", "bias").reshape([32, 32, 512]);
      let h = np.zeros([32, 128]);
      let c = np.zeros([32, 128]);
      const outputs: np.Array[] = [];
      for (let t = 0; t < 32; t++) {
        const [i, f, g, o] = np.split(gates.ref.slice(t).add(np.matmul(h, p["weight_hh"]!.ref)), 4, 1);
        c = nn
          .sigmoid(f!)
          .mul(c)
          .add(nn.sigmoid(i!).mul(np.tanh(g!)));
        h = nn.sigmoid(o!).mul(np.tanh(c.ref));
        outputs.push(h.ref);
      }
      for (const array of [h, c, gates, p["weight_hh"]!]) array.dispose();
      return crossEntropy(dense(np.concatenate(outputs), p, "head.weight", "head.bias"), y);
    },
  );
}

export function gru() {
  const { parameters, x, oneHot } = tasks.gru();
  return train(
    parameters,
    () => [array(x, [32 * 32, 64]), array(oneHot, [32 * 32, 64])],
    (p, input, y) => {
      const gates = dense(input, p, "weight_ih", "bias").reshape([32, 32, 384]);
      let h = np.zeros([32, 128]);
      const outputs: np.Array[] = [];
      for (let t = 0; t < 32; t++) {
        const [r, z, n] = np.split(gates.ref.slice(t), 3, 1);
        const [hr, hz, hn] = np.split(np.matmul(h.ref, p["weight_hh"]!.ref), 3, 1);
        const reset = nn.sigmoid(r!.add(hr!));
        const update = nn.sigmoid(z!.add(hz!));
        const next = np.tanh(n!.add(reset.mul(hn!)));
        // (1 − z) · n + z · h
        h = next.ref.add(update.mul(h.sub(next)));
        outputs.push(h.ref);
      }
      for (const array of [h, gates, p["weight_hh"]!]) array.dispose();
      return crossEntropy(dense(np.concatenate(outputs), p, "head.weight", "head.bias"), y);
    },
  );
}

export function transformer() {
  const { parameters, x, y } = tasks.transformer();
  return train(
    parameters,
    () => [array(x, [4, 64, 64]), array(y, [4, 64, 64])],
    (p, input, target) => {
      const normed = normalized(input.ref, p["norm1.weight"]!, p["norm1.bias"]!);
      const parts = dense(normed, p, "self_attn.in_proj_weight", "self_attn.in_proj_bias");
      // [batch, position, part, head, 16]
      const [q, k, v] = np.unstack(parts.reshape([4, 64, 3, 4, 16]), 2);
      const heads = nn.dotProductAttention(q!, k!, v!).reshape([4, 64, 64]);
      const h = input.add(dense(heads, p, "self_attn.out_proj.weight", "self_attn.out_proj.bias"));
      const inner = dense(normalized(h.ref, p["norm2.weight"]!, p["norm2.bias"]!), p, "linear1.weight", "linear1.bias");
      const out = h.add(dense(nn.relu(inner), p, "linear2.weight", "linear2.bias"));
      return np.square(out.sub(target)).mean();
    },
  );
}
