import { add, data, Engine, input, losses, mul, nn, optim, variable } from "../src/index.ts";
import { accuracy, Trainer } from "../src/train/index.ts";
import { openWebGPU } from "./webgpu.ts";

/*
 * What a trainer costs: whole epochs by `fit` and by a loop around `run`, in turns, on the same data. Both sum the loss
 * on the GPU and read it once an epoch. Prints the median time of a step in ms, and the median of the ratios.
 */

const engine = await Engine.create({ gpu: await openWebGPU() });
const cases = {
  "784-128-10, batch 64": { sizes: [784, 128, 10], batch: 64, steps: 40, rounds: 15 },
  "2-16-16-2, batch 32": { sizes: [2, 16, 16, 2], batch: 32, steps: 400, rounds: 15 },
};

for (const [name, { sizes, batch, steps, rounds }] of Object.entries(cases)) {
  const n = steps * batch;
  const classes = sizes.at(-1)!;
  const rows = {
    x: { data: Float32Array.from({ length: n * sizes[0]! }, (_, i) => Math.sin(i * i)), shape: [n, sizes[0]!] },
    y: { data: Int32Array.from({ length: n }, (_, i) => i % classes), shape: [n] },
  };
  const make = () =>
    nn.sequential(
      ...sizes.slice(1).flatMap((to, i) => [nn.linear(sizes[i]!, to), ...(i < sizes.length - 2 ? [nn.relu()] : [])]),
    );

  const model = make();
  const tally = variable(0, [], { group: "tally" });
  const loss = losses.crossEntropy(
    model(input("x", [batch, sizes[0]!]), { training: true }),
    input("y", [batch], "i32"),
  );
  const updates = optim.adam().minimize(loss);
  const step = await engine.compile({ updates: [...updates, [tally, add(tally, mul(loss, batch))]] });
  const byHand = async (epoch: number) => {
    engine.write(tally, 0);
    for (const rowsOfBatch of data.batches(rows, { batchSize: batch, shuffle: true, epoch }))
      await step.run(rowsOfBatch);
    await engine.read(tally);
  };

  const options = { engine, loss: losses.crossEntropy };
  const trainer = new Trainer({ ...options, model: make(), optimizer: optim.adam() });
  const measuring = new Trainer({ ...options, model: make(), optimizer: optim.adam(), metrics: { accuracy } });
  const runs = {
    "by hand": byHand,
    fit: () => trainer.fit(rows, { batchSize: batch }),
    "fit with accuracy": () => measuring.fit(rows, { batchSize: batch }),
  };
  const times = Object.fromEntries(Object.keys(runs).map((key) => [key, [] as number[]]));
  for (let round = -2; round < rounds; round++) {
    for (const [key, run] of Object.entries(runs)) {
      const began = performance.now();
      await run(round + 2);
      if (round >= 0) times[key]!.push((performance.now() - began) / steps);
    }
  }
  const median = (values: readonly number[]) => values.toSorted((a, b) => a - b)[values.length >> 1]!;
  console.log(`\n${name}: ${step.inspect().kernels.length} dispatches by hand`);
  for (const [key, own] of Object.entries(times)) {
    const ratio = median(own.map((time, i) => time / times["by hand"]![i]!));
    console.log(`${key.padEnd(20)} ${median(own).toFixed(3)} ms  × ${ratio.toFixed(3)}`);
  }
}
engine.destroy();
