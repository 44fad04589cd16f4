import { Engine } from "tilegrad";
import * as data from "tilegrad/data";
import * as losses from "tilegrad/losses";
import * as nn from "tilegrad/nn";
import * as optim from "tilegrad/optim";
import { accuracy, type Progress, Trainer } from "tilegrad/train";

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

/**
 * Trains until it is done, or until the signal ends it. The engine lives as long as the training: whoever calls this has
 * nothing to free.
 * @returns the accuracy on points that it has not seen.
 */
export async function train(signal: AbortSignal, onProgress: (progress: Progress) => void): Promise<number> {
  const engine = await Engine.create();
  try {
    const model = nn.sequential(nn.linear(2, 32), nn.relu(), nn.linear(32, 2));
    const optimizer = optim.adam({ lr: 0.02 });
    const trainer = new Trainer({ engine, model, loss: losses.crossEntropy, optimizer, metrics: { accuracy } });
    await trainer.fit(points(2000, 1), { epochs: 20, batchSize: 64, signal, callbacks: [{ onProgress }] });
    return (await trainer.evaluate(points(1000, 2))).accuracy;
  } finally {
    engine.destroy();
  }
}
