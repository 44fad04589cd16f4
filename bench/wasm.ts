import {
  conv2d,
  Engine,
  input,
  layerNorm,
  losses,
  matmul,
  nn,
  optim,
  softmax,
  type Tensor,
  type Update,
} from "../src/index.ts";
import { openWebGPU } from "./webgpu.ts";

/*
 * WebAssembly beside WebGPU's adapter here, in one run, call by call in turn: medians in milliseconds, and their ratio.
 * TILEGRAD_ADAPTER chooses the adapter. `npx tsx bench/wasm.ts [NAME]`
 */

interface Workload {
  readonly outputs: Readonly<Record<string, Tensor>>;
  readonly updates?: readonly Update[];
  readonly feeds: Readonly<Record<string, Float32Array | Int32Array>>;
  /** Operations of a call, where they are easily counted. */
  readonly flops?: number;
}

const numbers = (count: number): Float32Array => Float32Array.from({ length: count }, (_, i) => Math.sin(i * 1.3));
const labels = (count: number): Int32Array => Int32Array.from({ length: count }, (_, i) => i % 10);

/** A step of training a classifier. */
function step(model: (x: Tensor<"f32">) => Tensor<"f32">, shape: readonly number[]): Workload {
  const loss = losses.crossEntropy(model(input("x", shape)), input("y", [shape[0]!], "i32"));
  const size = shape.reduce((product, n) => product * n, 1);
  return {
    outputs: { loss },
    updates: optim.adam().minimize(loss),
    feeds: { x: numbers(size), y: labels(shape[0]!) },
  };
}

const lenet = () =>
  nn.sequential(
    ...[nn.conv2d(1, 6, 5, { padding: 2 }), nn.relu(), nn.maxPool2d(2)],
    ...[nn.conv2d(6, 16, 5), nn.relu(), nn.maxPool2d(2), nn.flatten()],
    ...[nn.linear(400, 120), nn.relu(), nn.linear(120, 84), nn.relu(), nn.linear(84, 10)],
  );

const workloads: Readonly<Record<string, () => Workload>> = {
  "matmul 512": () => ({
    outputs: { y: matmul(input("a", [512, 512]), input("b", [512, 512])) },
    feeds: { a: numbers(512 * 512), b: numbers(512 * 512) },
    flops: 2 * 512 ** 3,
  }),
  "conv 3×3, 32 channels, 32×32, batch 8": () => ({
    outputs: { y: conv2d(input("a", [8, 32, 32, 32]), input("b", [32, 32, 3, 3]), undefined, { padding: 1 }) },
    feeds: { a: numbers(8 * 32 * 1024), b: numbers(32 * 32 * 9) },
    flops: 2 * 8 * 32 * 32 * 1024 * 9,
  }),
  "softmax 256×1024": () => ({
    outputs: { y: softmax(input("a", [256, 1024]), 1) },
    feeds: { a: numbers(256 * 1024) },
  }),
  "layer norm 256×1024": () => ({
    outputs: { y: layerNorm(input("a", [256, 1024]), 1024) },
    feeds: { a: numbers(256 * 1024) },
  }),
  "step of 2-8-10": () => step(nn.sequential(nn.linear(2, 8), nn.tanh(), nn.linear(8, 10)), [10, 2]),
  "step of 784-128-10": () => step(nn.sequential(nn.linear(784, 128), nn.relu(), nn.linear(128, 10)), [64, 784]),
  "step of LeNet": () => step(lenet(), [32, 1, 28, 28]),
  "step of an LSTM": () => {
    const [lstm, last, head] = [nn.lstm(32, 64, { batchFirst: true }), nn.lastStep(), nn.linear(64, 10)];
    return step((x) => head(last(lstm(x).output)), [16, 32, 32]);
  },
};

const [only = ""] = process.argv.slice(2);
const engines = [await Engine.create({ backend: "wasm" }), await Engine.create({ gpu: await openWebGPU() })] as const;
const median = (times: readonly number[]): number => [...times].sort((a, b) => a - b)[times.length >> 1]!;

console.log(`${"".padEnd(40)} ${engines.map(({ adapter }) => adapter.padStart(20)).join(" ")}    ratio`);
for (const [name, make] of Object.entries(workloads)) {
  if (!name.includes(only)) continue;
  const runs = [];
  for (const engine of engines) {
    nn.seed(1);
    const { feeds, flops, ...description } = make();
    const program = await engine.compile(description);
    runs.push({ program, feeds, flops, times: [] as number[] });
    for (let i = 0; i < 20; i++) await program.compute(feeds);
  }
  for (let i = 0; i < 25; i++) {
    for (const { program, feeds, times } of runs) {
      const start = performance.now();
      await program.compute(feeds);
      times.push(performance.now() - start);
    }
  }
  const [own, other] = runs.map(({ times }) => median(times)) as [number, number];
  const rate = runs[0]!.flops ? `  ${(runs[0]!.flops / own / 1e6).toFixed(1)} GFLOP/s` : "";
  console.log(
    `${name.padEnd(40)} ${own.toFixed(3).padStart(20)} ${other.toFixed(3).padStart(20)} ${(other / own).toFixed(2).padStart(8)}${rate}`,
  );
}
for (const engine of engines) engine.destroy();
