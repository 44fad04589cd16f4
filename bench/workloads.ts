import { add, type Feeds, input, losses, nn, optim, reshape, type Tensor, variable } from "../src/index.ts";
import { labels, noise } from "./cases/case.ts";

/** A training step, built but not compiled. */
export interface Training {
  readonly outputs: { readonly loss: Tensor };
  readonly updates: optim.StepUpdates;
  readonly feeds: Feeds;
}

/** A training step that the project reports figures for. */
export interface Workload {
  readonly name: string;
  build(): Training;
}

/** Five networks of the usual kinds. */
export const workloads: readonly Workload[] = [
  { name: "2-16-16-1 tanh, batch 32, SGD", build: () => tinyNet(32) },
  { name: "784-128-10 ReLU, batch 64, Adam", build: () => perceptron(64) },
  { name: "LeNet 5×5×8, 5×5×16, batch 64, Adam", build: () => lenet() },
  { name: "char-LSTM 64-128-64, T 32, batch 32, Adam", build: () => characterLstm(32) },
  { name: "transformer block d 64, 4 heads, T 64, batch 4, Adam", build: () => transformer(64) },
];

const withAdam = (loss: Tensor, feeds: Feeds): Training => ({
  outputs: { loss },
  updates: optim.adam().minimize(loss),
  feeds,
});

/** A regression of one number from two. */
export function tinyNet(batch: number): Training {
  nn.seed(1);
  const model = nn.sequential(nn.linear(2, 16), nn.tanh(), nn.linear(16, 16), nn.tanh(), nn.linear(16, 1));
  const loss = losses.mse(model(input("x", [batch, 2]), { training: true }), input("y", [batch, 1]));
  const feeds = { x: noise(2 * batch), y: noise(batch, 2) };
  return { outputs: { loss }, updates: optim.sgd({ lr: 0.1 }).minimize(loss), feeds };
}

/** Many narrow layers, to get a large graph. */
export function deepNet(layers: number): Training {
  nn.seed(1);
  const model = nn.sequential(...Array.from({ length: layers }, () => [nn.linear(16, 16), nn.relu()]).flat());
  const loss = losses.mse(model(input("x", [8, 16]), { training: true }), input("y", [8, 16]));
  return withAdam(loss, { x: noise(8 * 16), y: noise(8 * 16, 2) });
}

/** Classifies images of MNIST's size into ten classes. */
export function perceptron(batch: number): Training {
  nn.seed(1);
  const model = nn.sequential(nn.linear(784, 128), nn.relu(), nn.linear(128, 10));
  const loss = losses.crossEntropy(model(input("x", [batch, 784]), { training: true }), input("y", [batch], "i32"));
  return withAdam(loss, { x: noise(784 * batch), y: labels(batch, 10) });
}

/** Classifies images of MNIST's shape into ten classes, by convolutions. @param before changes the images. */
export function lenet(before: nn.Module = nn.sequential()): Training {
  nn.seed(1);
  const model = nn.sequential(
    nn.conv2d(1, 8, 5, { padding: 2 }),
    nn.relu(),
    nn.maxPool2d(2),
    nn.conv2d(8, 16, 5, { padding: 2 }),
    nn.relu(),
    nn.maxPool2d(2),
    nn.flatten(),
    nn.linear(784, 10),
  );
  const images = before(input("x", [64, 1, 28, 28]), { training: true });
  const loss = losses.crossEntropy(model(images, { training: true }), input("y", [64], "i32"));
  return withAdam(loss, { x: noise(64 * 784), y: labels(64, 10) });
}

/** Predicts the next of 64 characters after each position; the text is fed as one-hot rows. */
export function characterLstm(steps: number, batch = 32): Training {
  nn.seed(1);
  const [characters, hidden] = [64, 128];
  const recurrent = nn.lstm(characters, hidden);
  const dense = nn.linear(hidden, characters);
  const positions = steps * batch;
  const states = recurrent(input("x", [steps, batch, characters])).output;
  const loss = losses.crossEntropy(dense(reshape(states, [positions, hidden])), input("y", [positions], "i32"));
  const x = new Float32Array(positions * characters);
  labels(positions, characters, 3).forEach((character, i) => {
    x[i * characters + character] = 1;
  });
  return withAdam(loss, { x, y: labels(positions, characters) });
}

/** Predicts the next of 64 characters with one pre-norm block between an embedding and a linear layer. */
export function transformer(length: number, batch = 4): Training {
  nn.seed(1);
  const [characters, size] = [64, 64];
  const embedding = nn.embedding(characters, size);
  const place = variable(new Float32Array(length * size), [length, size], { name: "position" });
  const options = { feedforward: 4 * size, dropout: 0, activation: "gelu", normFirst: true } as const;
  const block = nn.transformerEncoderLayer(size, 4, options);
  const norm = nn.layerNorm(size);
  const dense = nn.linear(size, characters);
  const positions = batch * length;
  const embedded = add(embedding(input("x", [batch, length], "i32")), place);
  const hidden = norm(block(embedded, { training: true }, { causal: true }));
  const loss = losses.crossEntropy(dense(reshape(hidden, [positions, size])), input("y", [positions], "i32"));
  return withAdam(loss, { x: labels(positions, characters, 3), y: labels(positions, characters) });
}
