import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { expect, test } from "vitest";

const run = promisify(execFile);

/** Trains in a separate process with a callable garbage collector, and prints memory use after some steps. */
const program = `
  import { Engine, data, input, losses, nn, optim } from "./src/index.ts";
  import { openWebGPU } from "./bench/webgpu.ts";

  const made = {};
  const engine = await Engine.create({ gpu: await openWebGPU() });
  const { device } = engine;
  for (const name of ["createBuffer", "createBindGroup", "createBindGroupLayout", "createComputePipelineAsync", "createShaderModule"]) {
    const original = device[name].bind(device);
    made[name] = 0;
    device[name] = (...args) => (made[name]++, original(...args));
  }

  const model = nn.sequential(nn.linear(16, 32), nn.relu(), nn.dropout(0.1), nn.linear(32, 4));
  const loss = losses.crossEntropy(model(input("x", [32, 16]), { training: true }), input("y", [32], "i32"));
  const step = await engine.compile({ outputs: { loss }, updates: optim.adam().minimize(loss) });
  const x = { data: new Float32Array(320 * 16).fill(0.5), shape: [320, 16] };
  const y = { data: Int32Array.from({ length: 320 }, (_, i) => i % 4), shape: [320] };

  for (let steps = 0; steps < 2000; ) {
    for (const batch of data.batches({ x, y }, { batchSize: 32, shuffle: true, epoch: steps })) {
      await step.run(batch);
      if (++steps % 50 === 0) await step.outputs.loss.scalar();
      if (steps !== 200 && steps !== 2000) continue;
      // Twice, with a turn of the event loop in between: objects finalised in one collection are freed in the next.
      for (let i = 0; i < 2; i++) {
        await new Promise(setImmediate);
        gc();
      }
      const { heapUsed, arrayBuffers } = process.memoryUsage();
      console.log(JSON.stringify({ heap: heapUsed, arrays: arrayBuffers, made, held: engine.bytes }));
    }
  }
  engine.destroy();`;

test("from step 200 to step 2,000 neither the JavaScript heap nor anything on the GPU grows", async () => {
  const { stdout } = await run(
    process.execPath,
    ["--expose-gc", "--import", "tsx", "--input-type=module", "-e", program],
    { timeout: 120_000 },
  );
  const [early, late] = stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  expect(early.made.createBuffer).toBeGreaterThan(0);
  expect(late.made).toEqual(early.made);
  expect(late.held).toEqual(early.held);
  expect((late.heap - early.heap) / 1024).toBeLessThan(256);
  expect((late.arrays - early.arrays) / 1024).toBeLessThan(64);
});
