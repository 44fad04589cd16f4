import { type DescribedGpu, timesOn } from "../../src/kernels/model.ts";
import type { KernelTraffic } from "../../src/selfcheck/index.ts";

/* Compares kernels with what they could be, by the model with which the engine chooses variants for GPUs. */

/** What keeps a kernel from being faster. */
export type Limit = "arithmetic" | "memory" | "cache" | "occupancy";

/** The times of a kernel on a described GPU, in milliseconds. */
export interface Modelled {
  /** All of its operations at full speed. */
  readonly arithmeticMs: number;
  /** The bytes that memory must deliver, at full speed: the least possible, and again what no cache can keep. */
  readonly memoryMs: number;
  /** All bytes that invocations ask for, from the caches of multiprocessors. */
  readonly cacheMs: number;
  /** Which part of the GPU has work, from 0 to 1. */
  readonly occupancy: number;
  /** The longest of the three, on the part of the GPU that has work. */
  readonly ms: number;
  /** The least that any kernel could take for this: its operations, and each byte once, on the whole GPU. */
  readonly leastMs: number;
  readonly limit: Limit;
}

/** The model of a kernel on a GPU. */
export function modelled(kernel: KernelTraffic, gpu: DescribedGpu): Modelled {
  const { times, occupancy } = timesOn(gpu, { ...kernel, groups: kernel.workgroups.reduce((a, b) => a * b, 1) });
  const limit = (["arithmetic", "memory", "cache"] as const).reduce((a, b) => (times[b] > times[a] ? b : a));
  const leastMs = Math.max(times.arithmetic, kernel.bytes / (1e6 * gpu.gbPerSec));
  return {
    arithmeticMs: times.arithmetic,
    memoryMs: times.memory,
    cacheMs: times.cache,
    occupancy,
    ms: times[limit] / occupancy,
    leastMs,
    limit: 1 / occupancy > times[limit] / leastMs ? "occupancy" : limit,
  };
}
