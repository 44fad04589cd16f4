import { writeFile } from "node:fs/promises";
import { gzipSync } from "node:zlib";
import { measureCeilings } from "../../../bench/measure/ceilings.ts";
import { mnist } from "../../../src/datasets/index.ts";
import { Engine, input, losses, nn, optim, type Recording } from "../../../src/index.ts";
import { createGPU } from "../../../src/node/index.ts";

/*
 * Records the examples of this page, compressed by gzip: node --import tsx demos/inside/examples/make.ts
 */

const batch = 16;
const recorded = [0, 20, 100, 400];
const engine = await Engine.create({ gpu: await createGPU() });
const { gflops, gbPerSec, dispatchUs } = await measureCeilings(engine, { sampleMs: 10, totalMs: 100, samples: 5 });
const ceilings = { gflops, gbPerSec, dispatchUs };
console.log(ceilings);
const { train } = await mnist();

/** Trains a network on digits, and records some of the steps. */
async function record(name: string, shape: readonly number[], make: () => nn.Module): Promise<void> {
  nn.seed(1);
  const model = make();
  const loss = losses.crossEntropy(model(input("x", [batch, ...shape])), input("y", [batch], "i32"));
  const step = await engine.compile({ outputs: { loss }, updates: optim.adam().minimize(loss) });
  const feeds = (i: number) => {
    const from = (i * batch) % 60_000;
    return {
      x: Float32Array.from(train.x.data.subarray(784 * from, 784 * (from + batch)), (byte) => byte / 255),
      y: train.y.data.slice(from, from + batch),
    };
  };
  let recording: Recording | undefined;
  for (let i = 0; i <= recorded.at(-1)!; i++) {
    if (!recorded.includes(i)) await step.run(feeds(i));
    else recording = await step.record(feeds(i), { ceilings, step: i, ...(recording && { previous: recording }) });
  }
  const bytes = gzipSync(JSON.stringify(recording), { level: 9 });
  console.log(name, bytes.length);
  await writeFile(new URL(`${name}.recording`, import.meta.url), bytes);
  step.destroy();
}

await record("mlp", [784], () => nn.sequential(nn.linear(784, 128), nn.relu(), nn.linear(128, 10)));
await record("cnn", [1, 28, 28], () =>
  nn.sequential(
    nn.conv2d(1, 4, 5),
    nn.relu(),
    nn.maxPool2d(2),
    nn.conv2d(4, 8, 3),
    nn.relu(),
    nn.maxPool2d(2),
    nn.flatten(),
    nn.linear(200, 10),
  ),
);
engine.destroy();
