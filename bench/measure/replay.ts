/** A dispatch, as passed to a pass. */
export interface Dispatch {
  readonly pipeline: GPUComputePipeline;
  readonly group: GPUBindGroup;
  readonly workgroups: readonly [number, number, number];
}

/** Everything a device was asked to do while something ran. */
export interface Recording {
  readonly dispatches: readonly Dispatch[];
  readonly submits: number;
}

/** Runs something and records its dispatches by wrapping the device. */
export async function record(device: GPUDevice, run: () => Promise<unknown>): Promise<Recording> {
  const dispatches: Dispatch[] = [];
  let submits = 0;
  const { queue } = device;
  const [createEncoder, submit] = [device.createCommandEncoder, queue.submit];
  device.createCommandEncoder = (...options) => {
    const encoder = createEncoder.apply(device, options);
    const beginPass = encoder.beginComputePass;
    encoder.beginComputePass = (...descriptor) => noting(beginPass.apply(encoder, descriptor), dispatches);
    return encoder;
  };
  queue.submit = (...buffers) => {
    submits++;
    submit.apply(queue, buffers);
  };
  try {
    await run();
  } finally {
    device.createCommandEncoder = createEncoder;
    queue.submit = submit;
  }
  return { dispatches, submits };
}

/** The same pass, but it records its dispatches. */
function noting(pass: GPUComputePassEncoder, dispatches: Dispatch[]): GPUComputePassEncoder {
  let pipeline: GPUComputePipeline;
  let group: GPUBindGroup;
  const { setPipeline, setBindGroup, dispatchWorkgroups } = pass;
  pass.setPipeline = (next) => {
    pipeline = next;
    setPipeline.call(pass, next);
  };
  pass.setBindGroup = (index: number, next: GPUBindGroup) => {
    group = next;
    Reflect.apply(setBindGroup, pass, [index, next]);
  };
  pass.dispatchWorkgroups = (x, y = 1, z = 1) => {
    dispatches.push({ pipeline, group, workgroups: [x, y, z] });
    dispatchWorkgroups.call(pass, x, y, z);
  };
  return pass;
}

/** One submit of one pass that dispatches the list `runs` times. */
export function submitAll(
  device: GPUDevice,
  dispatches: readonly Dispatch[],
  runs: number,
  descriptor?: GPUComputePassDescriptor,
  after?: (encoder: GPUCommandEncoder) => void,
): void {
  const encoder = device.createCommandEncoder();
  const pass = encoder.beginComputePass(descriptor);
  for (let run = 0; run < runs; run++) {
    for (const { pipeline, group, workgroups } of dispatches) {
      pass.setPipeline(pipeline);
      pass.setBindGroup(0, group);
      pass.dispatchWorkgroups(...workgroups);
    }
  }
  pass.end();
  after?.(encoder);
  device.queue.submit([encoder.finish()]);
}

/** Milliseconds on the host's clock, from the start of encoding until the device is done. */
export async function replayOnWall(device: GPUDevice, dispatches: readonly Dispatch[], runs: number): Promise<number> {
  const start = performance.now();
  submitAll(device, dispatches, runs);
  await device.queue.onSubmittedWorkDone();
  return performance.now() - start;
}

/** Flags as numbers (WebGPU specification): Node does not define the globals. */
const usage = { mapRead: 0x0001, copySource: 0x0004, copyTarget: 0x0008, queryResolve: 0x0200 };

/** Milliseconds on the device's clock from start to end of the pass. Chrome rounds them to 65.5 µs. */
export async function replayOnDevice(
  device: GPUDevice,
  dispatches: readonly Dispatch[],
  runs: number,
): Promise<number> {
  const querySet = device.createQuerySet({ type: "timestamp", count: 2 });
  const resolved = device.createBuffer({ size: 16, usage: usage.queryResolve | usage.copySource });
  const staging = device.createBuffer({ size: 16, usage: usage.mapRead | usage.copyTarget });
  const timestampWrites = { querySet, beginningOfPassWriteIndex: 0, endOfPassWriteIndex: 1 };
  submitAll(device, dispatches, runs, { timestampWrites }, (encoder) => {
    encoder.resolveQuerySet(querySet, 0, 2, resolved, 0);
    encoder.copyBufferToBuffer(resolved, 0, staging, 0, 16);
  });
  await staging.mapAsync(usage.mapRead);
  const [begin, end] = new BigUint64Array(staging.getMappedRange());
  const ms = Number(end! - begin!) / 1e6;
  staging.destroy();
  resolved.destroy();
  querySet.destroy();
  return ms;
}
