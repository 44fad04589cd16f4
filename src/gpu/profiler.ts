import { DeviceError } from "../errors.ts";
import { usage } from "./flags.ts";

/** A kernel with everything needed to run it. */
export interface Dispatch {
  readonly pipeline: GPUComputePipeline;
  readonly group: GPUBindGroup;
  readonly workgroups: readonly [number, number, number];
}

/** Each pass takes two queries, and a query set holds 4096. */
const mostPasses = 2048;

/**
 * Runs dispatches once, each in its own pass, and times them with the GPU's clock. Chrome rounds it to 65.5 µs, so
 * short kernels need many repetitions for a meaningful figure.
 *
 * @param read a buffer's bytes once all submitted work has run.
 * @returns the milliseconds of each, and the clock's resolution: the largest power of two, in nanoseconds, that divides
 * all readings.
 * @throws DeviceError when the device has no timestamp queries, or there are too many dispatches to time.
 */
export async function profile(
  device: GPUDevice,
  dispatches: readonly Dispatch[],
  read: (buffer: GPUBuffer, bytes: number) => Promise<ArrayBuffer>,
): Promise<{ readonly ms: readonly number[]; readonly resolutionMs: number }> {
  if (!device.features.has("timestamp-query")) throw new DeviceError("profile: this adapter has no timestamp queries");
  if (dispatches.length > mostPasses)
    throw new DeviceError(`profile: ${dispatches.length} kernels, expected at most ${mostPasses}`);
  const count = 2 * dispatches.length;
  const querySet = device.createQuerySet({ label: "profile", type: "timestamp", count });
  const buffer = device.createBuffer({
    label: "profile",
    size: 8 * count,
    usage: usage.queryResolve | usage.copySource,
  });
  const encoder = device.createCommandEncoder({ label: "profile" });
  dispatches.forEach(({ pipeline, group, workgroups }, i) => {
    const pass = encoder.beginComputePass({
      timestampWrites: { querySet, beginningOfPassWriteIndex: 2 * i, endOfPassWriteIndex: 2 * i + 1 },
    });
    pass.setPipeline(pipeline);
    pass.setBindGroup(0, group);
    pass.dispatchWorkgroups(...workgroups);
    pass.end();
  });
  encoder.resolveQuerySet(querySet, 0, count, buffer, 0);
  device.queue.submit([encoder.finish()]);
  try {
    const times = new BigUint64Array(await read(buffer, 8 * count));
    const bits = times.reduce((all, time) => all | time, 0n);
    return {
      ms: dispatches.map((_, i) => Number(times[2 * i + 1]! - times[2 * i]!) / 1e6),
      resolutionMs: Number(bits & -bits) / 1e6,
    };
  } finally {
    buffer.destroy();
    querySet.destroy();
  }
}
