import * as data from "tilegrad/data";
import * as losses from "tilegrad/losses";
import * as nn from "tilegrad/nn";
import * as optim from "tilegrad/optim";
import { accuracy, Trainer } from "tilegrad/train";
import { expose } from "tilegrad/worker";

/** Points of the plane: class 1 is a ring around the origin. */
function points(count: number, seed: number) {
  const random = data.randomStream(seed);
  const x = Float32Array.from({ length: 2 * count }, () => 4 * random.uniform() - 2);
  const y = Int32Array.from({ length: count }, (_, i) => {
    const radius = Math.hypot(x[2 * i]!, x[2 * i + 1]!);
    return radius > 0.7 && radius < 1.5 ? 1 : 0;
  });
  return { x: { data: x, shape: [count, 2] }, y: { data: y, shape: [count] } };
}

export default expose(async (engine) => {
  const model = nn.sequential(nn.linear(2, 32), nn.relu(), nn.linear(32, 2));
  const optimizer = optim.adam({ lr: 0.02 });
  const trainer = new Trainer({ engine, model, loss: losses.crossEntropy, optimizer, metrics: { accuracy } });
  return { trainer, data: { train: points(2000, 1), test: points(1000, 2) } };
});
