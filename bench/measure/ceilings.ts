import { type Engine, sum, variable } from "../../src/index.ts";
import type { Runner } from "../../src/runtime/runner.ts";
import { type Budget, time } from "./clock.ts";
import { timeDispatches } from "./program.ts";
import { type Dispatch, replayOnWall, submitAll } from "./replay.ts";
import type { Ceilings } from "./result.ts";
import { threadsOf } from "./runtime.ts";

/** Independent chains, multiply-adds of each per iteration, iterations. */
const turns = 64;
const unrolled = 4;

/** Multiply-adds on vec4s in registers: loads nothing in the loop, and stores little at the end. */
function multiplyAdds(chains: number, expression: "x * a + b" | "fma"): string {
  const names = Array.from({ length: chains }, (_, i) => `x${i}`);
  const step = (x: string): string => (expression === "fma" ? `${x} = fma(${x}, a, b);` : `${x} = ${x} * a + b;`);
  return `
@group(0) @binding(0) var<storage, read> source: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> target_: array<vec4f>;
@compute @workgroup_size(64) fn main(@builtin(global_invocation_id) id: vec3u) {
  let a = source[0];
  let b = source[1];
  ${names.map((x, i) => `var ${x} = source[${i % 2}] + f32(id.x + ${i}u);`).join("\n  ")}
  for (var turn = 0u; turn < ${turns}u; turn++) {
    ${Array.from({ length: unrolled }, () => names.map(step).join(" ")).join("\n    ")}
  }
  target_[id.x] = ${names.join(" + ")};
}`;
}

/** Each invocation copies some vec4s; neighbours copy adjacent ones. */
const copy = (each: number, invocations: number): string => `
@group(0) @binding(0) var<storage, read> source: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> target_: array<vec4f>;
@compute @workgroup_size(256) fn main(@builtin(global_invocation_id) id: vec3u) {
  ${Array.from({ length: each }, (_, i) => `target_[id.x + ${i * invocations}u] = source[id.x + ${i * invocations}u];`).join("\n  ")}
}`;

const nothing = `
@group(0) @binding(0) var<storage, read> source: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> target_: array<vec4f>;
@compute @workgroup_size(64) fn main(@builtin(local_invocation_index) i: u32) { target_[i] = source[i]; }`;

/** Two buffers, and kernels that read the first and write the second. */
class Bed {
  readonly #device: GPUDevice;
  readonly #buffers: readonly GPUBuffer[];
  readonly #layout: GPUBindGroupLayout;

  constructor(device: GPUDevice, bytes: number) {
    this.#device = device;
    const types = ["read-only-storage", "storage"] as const;
    this.#layout = device.createBindGroupLayout({
      entries: types.map((type, binding) => ({ binding, visibility: 0x4, buffer: { type } })),
    });
    const storage = { size: bytes, usage: 0x0080 | 0x0008 };
    this.#buffers = [device.createBuffer(storage), device.createBuffer(storage)];
    const small = Float32Array.from({ length: 1024 }, (_, i) => (i % 8 < 4 ? 0.999 : 0.001));
    device.queue.writeBuffer(this.#buffers[0]!, 0, small);
  }

  async kernel(code: string, workgroups: number): Promise<Dispatch> {
    const module = this.#device.createShaderModule({ code });
    const compute = { module, entryPoint: "main" };
    const layout = this.#device.createPipelineLayout({ bindGroupLayouts: [this.#layout] });
    const pipeline = await this.#device.createComputePipelineAsync({ layout, compute });
    const entries = this.#buffers.map((buffer, binding) => ({ binding, resource: { buffer } }));
    const group = this.#device.createBindGroup({ layout: this.#layout, entries });
    return { pipeline, group, workgroups: [workgroups, 1, 1] };
  }

  destroy(): void {
    for (const buffer of this.#buffers) buffer.destroy();
  }
}

/**
 * Measures the adapter's ceilings, each as the shortest time of a few kernels that could reach it.
 * @param tell is called with each as soon as it is known.
 */
export async function measureCeilings(engine: Engine, budget: Budget, tell: Tell = () => {}): Promise<Ceilings> {
  const roof = await measureRoof(engine, budget, tell);
  const readbackMs = await readback(engine, budget);
  await tell({ readbackMs });
  return { ...roof, readbackMs };
}

type Tell = (part: Partial<Ceilings>) => void | Promise<void>;

/** The ceilings that need no program. */
export async function measureRoof(
  engine: Runner,
  budget: Budget,
  tell: Tell = () => {},
): Promise<Omit<Ceilings, "readbackMs">> {
  const { device, traits } = engine;
  const msOf = async (dispatch: Dispatch): Promise<number> => (await timeDispatches(engine, [dispatch], budget)).bestMs;

  // More than caches hold, if the adapter allows it.
  const bytes = Math.min(traits.cpu ? 2 ** 26 : 2 ** 28, traits.maxBinding, traits.maxBuffer);
  const bed = new Bed(device, bytes);
  const gflops =
    engine.backend === "wasm" ? await peakOfThreads(device, budget) : await peakOfKernels(bed, traits.cpu, msOf);
  await tell({ gflops });
  const speeds: number[] = [];
  for (const each of [1, 4, 16]) {
    const invocations = bytes / 16 / each;
    if (invocations / 256 > traits.maxWorkgroups) continue;
    speeds.push((2 * bytes) / (await msOf(await bed.kernel(copy(each, invocations), invocations / 256))) / 1e6);
  }
  const gbPerSec = Math.max(...speeds);
  await tell({ gbPerSec });
  const costs = await overheads(device, await bed.kernel(nothing, 1), budget);
  await tell(costs);
  bed.destroy();
  return { gflops, gbPerSec, ...costs };
}

/** The most multiply-adds with WebAssembly, in GFLOP/s: written by hand, since a kernel shows what its compiler can do. */
async function peakOfThreads(device: GPUDevice, budget: Budget): Promise<number> {
  const { multiplyAddPeak } = await import("./peak.ts");
  return multiplyAddPeak(threadsOf(device), budget);
}

/** The most multiply-adds of kernels on WebGPU, in GFLOP/s. */
async function peakOfKernels(bed: Bed, cpu: boolean, msOf: (dispatch: Dispatch) => Promise<number>): Promise<number> {
  const rates: number[] = [];
  for (const chains of [4, 8, 16]) {
    for (const expression of cpu ? (["x * a + b"] as const) : (["x * a + b", "fma"] as const)) {
      const invocations = cpu ? 2 ** 12 : 2 ** 19;
      const dispatch = await bed.kernel(multiplyAdds(chains, expression), invocations / 64);
      rates.push((invocations * turns * unrolled * chains * 8) / (await msOf(dispatch)) / 1e6);
    }
  }
  return Math.max(...rates);
}

/** The cost of one more of each: the slope between few and many, on the host's clock. */
async function overheads(device: GPUDevice, dispatch: Dispatch, budget: Budget) {
  const wall = (batch: () => Promise<number>) => time(batch, "wall", { ...budget, sampleMs: 0 });
  const submits = async (count: number): Promise<number> => {
    const start = performance.now();
    for (let i = 0; i < count; i++) submitAll(device, [dispatch], 1);
    await device.queue.onSubmittedWorkDone();
    return performance.now() - start;
  };
  const slope = async (batch: (count: number) => Promise<number>, few: number, many: number): Promise<number> => {
    const [low, high] = [await wall(() => batch(few)), await wall(() => batch(many))];
    return (1000 * Math.max(0, high.bestMs - low.bestMs)) / (many - few);
  };
  return {
    dispatchUs: await slope((count) => replayOnWall(device, [dispatch], count), 100, 2100),
    submitUs: await slope(submits, 10, 210),
  };
}

async function readback(engine: Engine, budget: Budget): Promise<number> {
  const program = await engine.compile({ outputs: { total: sum(variable(new Float32Array(16), [16])) } });
  await program.run();
  const batch = async (): Promise<number> => {
    const start = performance.now();
    await program.outputs.total.scalar();
    return performance.now() - start;
  };
  const { ms } = await time(batch, "wall", { ...budget, sampleMs: 0 });
  program.destroy();
  return ms;
}
