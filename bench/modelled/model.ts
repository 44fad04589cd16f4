import type { KernelTraffic } from "../../src/selfcheck/index.ts";
import type { DescribedGpu } from "./gpus.ts";

/*
 * How long a kernel would take on a described GPU: a model, not a measurement. It knows what a kernel computes and asks for,
 * not how its instructions are scheduled, and counts loads, not index arithmetic. It is good for comparing kernels with
 * what they could be.
 */

/**
 * Bytes that multiprocessors can load from their own caches per operation that they can do. On NVIDIA's, 128 bytes a cycle
 * beside 128 multiply-adds.
 */
export const cacheBytesPerFlop = 0.5;

/** Multiply-adds at once in a multiprocessor, which runs a workgroup. */
const lanesPerUnit = 128;

/** The usual clock, from which the number of multiprocessors follows. */
const clockGHz = 1.5;

/** Invocations for each lane, so that some compute while others wait: a result is there after about four cycles. */
const invocationsPerLane = 4;

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

/** Multiprocessors of a GPU. */
const unitsOf = ({ teraflops }: DescribedGpu): number => (1000 * teraflops) / (2 * clockGHz * lanesPerUnit);

/** Bytes from memory: all operands once, and those larger than the cache as often as workgroups ask for them. */
function fromMemory({ operands, bytes }: KernelTraffic, { cacheMiB }: DescribedGpu): number {
  const again = operands.reduce((sum, operand) => {
    const isKept = operand.bytes <= cacheMiB * 2 ** 20;
    return sum + (isKept ? 0 : Math.max(0, operand.shared - operand.bytes));
  }, 0);
  return bytes + again;
}

/** The model of a kernel on a GPU. */
export function modelled(kernel: KernelTraffic, gpu: DescribedGpu): Modelled {
  const { flops, bytes, asked, invocations, workgroups } = kernel;
  const peak = 1e9 * gpu.teraflops; // per millisecond
  const bandwidth = 1e6 * gpu.gbPerSec;
  const units = unitsOf(gpu);
  const groups = workgroups.reduce((a, b) => a * b, 1);
  const occupancy = Math.min(1, groups / units, invocations / (units * lanesPerUnit * invocationsPerLane));
  const times = {
    arithmetic: flops / peak,
    memory: fromMemory(kernel, gpu) / bandwidth,
    cache: asked / (cacheBytesPerFlop * peak),
  };
  const limit = (["arithmetic", "memory", "cache"] as const).reduce((a, b) => (times[b] > times[a] ? b : a));
  const leastMs = Math.max(times.arithmetic, bytes / bandwidth);
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
