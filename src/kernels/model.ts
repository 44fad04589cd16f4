/*
 * How long a kernel would take on a described GPU: a model, not a measurement. It knows what a kernel computes and asks
 * for, not how its instructions are scheduled, and counts loads, not index arithmetic.
 */

/** A GPU as its data sheet describes it. None of these has been timed. */
export interface DescribedGpu {
  readonly name: string;
  /** Operations in f32 per second, in units of 10¹²: a multiply-add is two. */
  readonly teraflops: number;
  /** Memory bandwidth. */
  readonly gbPerSec: number;
  /** The largest cache that all multiprocessors share. */
  readonly cacheMiB: number;
}

export const gpus: readonly DescribedGpu[] = [
  { name: "integrated", teraflops: 2, gbPerSec: 60, cacheMiB: 2 },
  { name: "laptop", teraflops: 10, gbPerSec: 300, cacheMiB: 24 },
  { name: "data centre", teraflops: 60, gbPerSec: 4800, cacheMiB: 50 },
];

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

/** What a kernel asks of a GPU. */
export interface Demand {
  readonly flops: number;
  /** The least bytes to read and write. */
  readonly bytes: number;
  /** Bytes that all invocations read and write. */
  readonly asked: number;
  /** What may be read several times: its bytes, and those that workgroups read if each reads a byte once. */
  readonly operands: readonly { readonly bytes: number; readonly shared: number }[];
  /** Bytes of workgroup memory that invocations load and store. */
  readonly local?: number;
  /** Workgroups, and invocations with work to do. */
  readonly groups: number;
  readonly invocations: number;
}

/** The times of a kernel on a described GPU, in milliseconds, if all of the GPU had work. */
export interface Times {
  /** All of its operations at full speed. */
  readonly arithmetic: number;
  /** The bytes that memory must deliver, at full speed: the least possible, and again what no cache can keep. */
  readonly memory: number;
  /** All bytes that invocations ask for, from the caches of multiprocessors, which are also their workgroup memory. */
  readonly cache: number;
}

/** The times of a kernel on a GPU, and which part of the GPU has work, from 0 to 1. */
export function timesOn(gpu: DescribedGpu, demand: Demand): { readonly times: Times; readonly occupancy: number } {
  const { flops, bytes, asked, operands, local = 0, groups, invocations } = demand;
  const peak = 1e9 * gpu.teraflops; // per millisecond
  const units = (1000 * gpu.teraflops) / (2 * clockGHz * lanesPerUnit);
  const again = operands.reduce(
    (sum, { bytes, shared }) => sum + (bytes <= gpu.cacheMiB * 2 ** 20 ? 0 : Math.max(0, shared - bytes)),
    0,
  );
  return {
    times: {
      arithmetic: flops / peak,
      memory: (bytes + again) / (1e6 * gpu.gbPerSec),
      cache: (asked + local) / (cacheBytesPerFlop * peak),
    },
    occupancy: Math.min(1, groups / units, invocations / (units * lanesPerUnit * invocationsPerLane)),
  };
}

/** Milliseconds from the end of a call to the start of the next, whatever they compute: an estimate. */
const betweenMs = 0.002;

/** Which part of the shorter times is not hidden behind the longest: an estimate. It decides between equal ones. */
const unhidden = 1 / 8;

/** How much faster a multiprocessor's own cache is than its share of the one that all share: about that on NVIDIA's. */
const ownIsFaster = 4;

/**
 * The score of calls for GPUs: the reciprocal of their modelled milliseconds. An adapter does not say how large its GPU
 * is, so this is the geometric mean over the described ones.
 */
export const modelledScore = (...calls: readonly Demand[]): number =>
  gpus.reduce((score, gpu) => {
    const ms = calls.reduce((sum, demand) => {
      const { times, occupancy } = timesOn(gpu, demand);
      const shared = demand.operands.reduce((bytes, operand) => bytes + operand.shared, 0);
      const far = (ownIsFaster * shared) / (cacheBytesPerFlop * 1e9 * gpu.teraflops);
      const each = [times.arithmetic, times.memory, times.cache, far];
      const [longest, total] = [Math.max(...each), each.reduce((a, b) => a + b)];
      return sum + betweenMs + (longest + unhidden * (total - longest)) / occupancy;
    }, 0);
    return score * ms ** (-1 / gpus.length);
  }, 1);
