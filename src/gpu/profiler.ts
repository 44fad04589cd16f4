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

/** When each dispatch began and ended, and how exact that is. */
export interface Times {
  /** In milliseconds from the begin of the first. */
  readonly spans: readonly (readonly [begin: number, end: number])[];
  /** The clock's resolution: the largest power of two, in nanoseconds, that divides all readings. */
  readonly resolutionMs: number;
}

/**
 * Runs dispatches once, each in its own pass, and times them with the GPU's clock. Chrome rounds it to 65.5 µs, so
 * short kernels need many repetitions for a meaningful figure.
 *
 * @param read a buffer's bytes once all submitted work has run.
 * @throws DeviceError when the device has no timestamp queries, or there are too many dispatches to time.
 */
export async function profile(
  device: GPUDevice,
  dispatches: readonly Dispatch[],
  read: (buffer: GPUBuffer, bytes: number) => Promise<ArrayBuffer>,
): Promise<Times> {
  if (!device.features.has("timestamp-query")) throw new DeviceError("profile: this adapter has no timestamp queries");
  if (dispatches.length > mostPasses)
    throw new DeviceError(`profile: ${dispatches.length} kernels, expected at most ${mostPasses}`);
  const encoder = device.createCommandEncoder({ label: "profile" });
  const clock = timed(device, encoder, dispatches);
  device.queue.submit([encoder.finish()]);
  return clock.times(read);
}

/** Whether the device can time this many dispatches. */
export const hasClock = ({ features }: GPUDevice, dispatches: readonly Dispatch[]): boolean =>
  features.has("timestamp-query") && dispatches.length <= mostPasses;

/**
 * Encodes dispatches, each in its own pass, between readings of the GPU's clock.
 * @param after is called when each has been encoded.
 * @returns `times` reads the clock once the commands are submitted, and frees what they need.
 */
export function timed(
  device: GPUDevice,
  encoder: GPUCommandEncoder,
  dispatches: readonly Dispatch[],
  after: (i: number) => void = () => {},
) {
  const count = 2 * dispatches.length;
  const querySet = device.createQuerySet({ label: "profile", type: "timestamp", count });
  const buffer = device.createBuffer({
    label: "profile",
    size: 8 * count,
    usage: usage.queryResolve | usage.copySource,
  });
  dispatches.forEach((dispatch, i) => {
    const pass = encoder.beginComputePass({
      timestampWrites: { querySet, beginningOfPassWriteIndex: 2 * i, endOfPassWriteIndex: 2 * i + 1 },
    });
    encode(pass, dispatch);
    after(i);
  });
  encoder.resolveQuerySet(querySet, 0, count, buffer, 0);
  const times = async (read: (buffer: GPUBuffer, bytes: number) => Promise<ArrayBuffer>): Promise<Times> => {
    try {
      const readings = new BigUint64Array(await read(buffer, 8 * count));
      const bits = readings.reduce((all, time) => all | time, 0n);
      const at = (i: number): number => Number(readings[i]! - readings[0]!) / 1e6;
      return {
        spans: dispatches.map((_, i) => [at(2 * i), at(2 * i + 1)] as const),
        resolutionMs: Number(bits & -bits) / 1e6,
      };
    } finally {
      buffer.destroy();
      querySet.destroy();
    }
  };
  return { times };
}

/** Encodes a dispatch as all of a pass. */
export function encode(pass: GPUComputePassEncoder, { pipeline, group, workgroups }: Dispatch): void {
  pass.setPipeline(pipeline);
  pass.setBindGroup(0, group);
  pass.dispatchWorkgroups(...workgroups);
  pass.end();
}
