import { Engine } from "tilegrad";
import * as losses from "tilegrad/losses";
import * as nn from "tilegrad/nn";
import { createGPU } from "tilegrad/node";
import * as optim from "tilegrad/optim";
import { Trainer } from "tilegrad/train";

// With a GPU, Deno's own `navigator.gpu` does: Engine.create(). createGPU also finds a software adapter.
const engine = await Engine.create({ gpu: await createGPU() });
const model = nn.sequential(nn.linear(1, 32), nn.tanh(), nn.linear(32, 1));
const trainer = new Trainer({ engine, model, loss: losses.mse, optimizer: optim.adam({ lr: 0.01 }) });

const x = Float32Array.from({ length: 500 }, (_, i) => i / 80 - 3.1);
const y = x.map(Math.sin);
await trainer.fit({ x: { data: x, shape: [500, 1] }, y: { data: y, shape: [500, 1] } }, { epochs: 100, batchSize: 50 });
const { data } = await trainer.predict({ data: Float32Array.from([0, 1, 2]), shape: [3, 1] });
console.log(Array.from(data, (value) => value.toFixed(1)).join(" ")); // 0.0 0.8 0.9
engine.destroy();
