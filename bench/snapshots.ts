/**
 * What a snapshot of tilegrad/recover costs: steps with and without one, alternating, in Node.
 *
 * ```sh
 * npx tsx bench/snapshots.ts [rounds]
 * ```
 */

import { architectures } from "../demos/mnist/network.ts";
import { Engine, input, losses, optim } from "../src/index.ts";
import { recover } from "../src/recover/index.ts";
import { openWebGPU } from "./webgpu.ts";

const batchSize = 64;
const rounds = Number(process.argv[2] ?? 200);
/** Snapshots are at least this many milliseconds apart by default, and as many times their own duration. */
const [apartMs, apartTimes] = [5000, 50];

const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1]!;

for (const [name, { make, layers }] of Object.entries(architectures)) {
  const engine = await Engine.create({ gpu: await openWebGPU() });
  const recovery = recover(engine, { everyMs: 1e9 });
  const loss = losses.crossEntropy(
    make()(input("x", [batchSize, 784]), { training: true }),
    input("y", [batchSize], "i32"),
  );
  const program = await engine.compile({ outputs: { loss }, updates: optim.adam().minimize(loss) });
  const feeds = {
    x: Float32Array.from({ length: batchSize * 784 }, (_, i) => Math.abs(Math.sin(i))),
    y: Int32Array.from({ length: batchSize }, (_, i) => i % 10),
  };
  let [bytes, latency] = [0, [] as number[]];
  recovery.addEventListener("snapshot", ({ detail }) => {
    bytes = detail.bytes;
    latency.push(detail.ms);
  });
  /** Milliseconds of some steps, until the last is done. */
  const block = async (steps: number, hasSnapshot: boolean): Promise<number> => {
    const start = performance.now();
    let taken: Promise<void> | undefined;
    for (let i = 0; i < steps; i++) {
      if (hasSnapshot && i === steps >> 1) taken = recovery.snapshot();
      await program.run(feeds);
    }
    await program.outputs.loss.scalar();
    await taken;
    return performance.now() - start;
  };
  await block(50, true);
  const steps = Math.max(4, Math.round(30 / ((await block(50, false)) / 50)));
  latency = [];
  const without: number[] = [];
  const extra: number[] = [];
  for (let i = 0; i < rounds; i++) {
    // Either order, so that a drift of the machine counts for neither.
    const [first, second] = [await block(steps, i % 2 === 0), await block(steps, i % 2 === 1)];
    const [within, plain] = i % 2 === 0 ? [first, second] : [second, first];
    without.push(plain / steps);
    extra.push(within - plain);
  }
  const cost = median(extra);
  const apart = Math.max(apartMs, apartTimes * median(latency));
  console.log(
    `${name} (${layers}), ${engine.adapter}: step ${median(without).toFixed(2)} ms; snapshot of ${(bytes / 1024).toFixed(0)} KiB ` +
      `adds ${cost.toFixed(2)} ms (quartiles ${[0.25, 0.75].map((q) => extra.sort((a, b) => a - b)[Math.floor(q * extra.length)]!.toFixed(2)).join(" to ")}) ` +
      `and is safe after ${median(latency).toFixed(1)} ms; every ${(apart / 1000).toFixed(1)} s: ${((100 * cost) / apart).toFixed(3)} %`,
  );
  engine.destroy();
}
