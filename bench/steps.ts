import { Bench } from "tinybench";
import { Engine } from "../src/index.ts";
import { createGPU } from "../src/node/index.ts";
import { workloads } from "./workloads.ts";

/*
 * Times whole training steps in Node, the GPU's work awaited, and shows the kernels that take the most of each.
 */

const engine = await Engine.create({ gpu: await createGPU() });
console.log(`adapter: ${engine.adapter}\n`);
const all = await workloads(engine);
const bench = new Bench({ time: 2000, warmupIterations: 3 });
for (const { name, program, feeds } of all) {
  bench.add(name, async () => {
    await program.run(feeds);
    await engine.device.queue.onSubmittedWorkDone();
  });
}
await bench.run();
console.table(
  bench.tasks.map(({ name, result }, i) => {
    const { kernels, memory } = all[i]!.program.inspect();
    const flops = kernels.reduce((sum, kernel) => sum + kernel.flops, 0);
    if (!("latency" in result)) return { step: name };
    const { p50, rme, samplesCount } = result.latency;
    return {
      step: name,
      "median ms": p50.toFixed(2),
      "± %": rme.toFixed(1),
      samples: samplesCount,
      "GFLOP/s": (flops / p50 / 1e6).toFixed(2),
      dispatches: kernels.length,
      "MiB held": (memory.total / 2 ** 20).toFixed(2),
    };
  }),
);
if (engine.device.features.has("timestamp-query")) {
  for (const { name, program, feeds } of all) {
    const times = await program.profile(feeds);
    const longest = times.toSorted((a, b) => b.ms - a.ms).slice(0, 8);
    console.log(`\n${name}: the longest kernels of one step`);
    for (const { label, ms } of longest) console.log(`${ms.toFixed(2).padStart(9)} ms  ${label}`);
  }
}
engine.destroy();
