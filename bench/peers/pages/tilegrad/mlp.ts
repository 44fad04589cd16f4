import { type Engine, input } from "tilegrad";
import * as losses from "tilegrad/losses";
import * as nn from "tilegrad/nn";
import * as tasks from "../tasks.ts";
import { load, train } from "./train.ts";

export function mlp(engine: Engine, batch = 64) {
  const { parameters, x, labels } = tasks.mlp(batch);
  const model = nn.sequential(nn.linear(784, 128), nn.relu(), nn.linear(128, 10));
  load(engine, model.variables, parameters);
  const loss = losses.crossEntropy(model(input("x", [batch, 784]), { training: true }), input("y", [batch], "i32"));
  return train(engine, loss, { x, y: labels });
}
