import { nn, numpy as np } from "@jax-js/jax";
import * as tasks from "../tasks.ts";
import { array, crossEntropy, train } from "./train.ts";

export function mlp(batch = 64) {
  const { parameters, x, oneHot } = tasks.mlp(batch);
  return train(
    parameters,
    () => [array(x, [batch, 784]), array(oneHot, [batch, 10])],
    (p, input, y) => {
      const hidden = nn.relu(np.matmul(input, p["0.weight"]!).add(p["0.bias"]!));
      return crossEntropy(np.matmul(hidden, p["2.weight"]!).add(p["2.bias"]!), y);
    },
  );
}
