import * as tilegrad from "tilegrad";
import { type Engine, input, linear, reshape, variable } from "tilegrad";
import * as losses from "tilegrad/losses";
import * as nn from "tilegrad/nn";
import * as optim from "tilegrad/optim";
import * as tasks from "../tasks.ts";
import { mlp as network } from "./mlp.ts";
import { load, train } from "./train.ts";

export const mlp = (engine: Engine) => network(engine);
export const mlpWide = (engine: Engine) => network(engine, 1024);

export function tiny(engine: Engine) {
  const { parameters, x, y } = tasks.tiny();
  const model = nn.sequential(nn.linear(2, 16), nn.tanh(), nn.linear(16, 16), nn.tanh(), nn.linear(16, 1));
  load(engine, model.variables, parameters);
  const loss = losses.mse(model(input("x", [32, 2]), { training: true }), input("y", [32, 1]));
  return train(engine, loss, { x, y }, optim.sgd({ lr: 0.1 }));
}

export function autoencoder(engine: Engine) {
  const { parameters, x, y } = tasks.autoencoder();
  const model = nn.sequential(
    ...[nn.linear(784, 128), nn.relu(), nn.linear(128, 32), nn.relu()],
    ...[nn.linear(32, 128), nn.relu(), nn.linear(128, 784), nn.sigmoid()],
  );
  load(engine, model.variables, parameters);
  const loss = losses.mse(model(input("x", [64, 784]), { training: true }), input("y", [64, 784]));
  return train(engine, loss, { x, y });
}

export function lenet(engine: Engine) {
  const { parameters, x, labels } = tasks.lenet();
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
  load(engine, model.variables, parameters);
  const loss = losses.crossEntropy(model(input("x", [64, 1, 28, 28]), { training: true }), input("y", [64], "i32"));
  return train(engine, loss, { x, y: labels });
}

export const lstm = (engine: Engine) => recurrent(engine, tilegrad.lstm, tasks.lstm());
export const gru = (engine: Engine) => recurrent(engine, tilegrad.gru, tasks.gru());

function recurrent(
  engine: Engine,
  layer: typeof tilegrad.gru,
  { parameters, x, labels }: ReturnType<typeof tasks.lstm>,
) {
  const made = (name: keyof typeof parameters) => variable(parameters[name].values, parameters[name].shape, { name });
  const weights = { weightIh: made("weight_ih"), weightHh: made("weight_hh"), biasIh: made("bias") };
  const { output } = layer(input("x", [32, 32, 64]), [weights]);
  const logits = linear(reshape(output, [32 * 32, 128]), made("head.weight"), made("head.bias"));
  return train(engine, losses.crossEntropy(logits, input("y", [32 * 32], "i32")), { x, y: labels });
}

export function transformer(engine: Engine) {
  const { parameters, x, y } = tasks.transformer();
  const block = nn.transformerEncoderLayer(64, 4, { feedforward: 256, dropout: 0, normFirst: true });
  load(engine, block.variables, parameters);
  const shape = [4, 64, 64];
  return train(engine, losses.mse(block(input("x", shape), { training: true }), input("y", shape)), { x, y });
}
