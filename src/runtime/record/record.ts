import { toBase64 } from "../../bytes/base64.ts";
import { roleOf } from "../../compile/homes.ts";
import { AttributeError, checkNumber, checkObject, checkWhole, optionsOf } from "../../errors.ts";
import { usage } from "../../gpu/flags.ts";
import type { LiveDevice } from "../../gpu/live.ts";
import { type Dispatch, encode, hasClock, timed } from "../../gpu/profiler.ts";
import type { VirtualBuffer } from "../../kernels/call.ts";
import {
  type Ceilings,
  format,
  type RecordedAdapter,
  type RecordedDispatch,
  type RecordedTensor,
  type Recording,
  type Timings,
  version,
} from "../../recording/format.ts";
import type { RecordOptions } from "../../recording/options.ts";
import type { Fed } from "../feeds.ts";
import { typed } from "../output.ts";
import type { Recorded } from "../recorded.ts";
import { buffersOf, memoryPlan } from "./memory.ts";
import { stagesOf } from "./stages.ts";
import { statisticsOf } from "./statistics.ts";
import { bytesOf, type Moment, Moments } from "./tensors.ts";

/** A program, ready to run. */
export interface Runnable {
  readonly live: LiveDevice;
  readonly compiled: Recorded;
  readonly dispatches: readonly Dispatch[];
  placeOf(buffer: VirtualBuffer): Fed;
  /** Writes the inputs. */
  begin(): void;
  /** The commands of a run, as they are without a recording. */
  encode(): GPUCommandEncoder;
}

/** Options with defaults. @throws AttributeError for wrong ones. */
export function checked(options: RecordOptions) {
  const all = optionsOf("record", options, {
    values: 16384,
    bins: 32,
    ceilings: undefined,
    step: undefined,
    previous: undefined,
  });
  checkWhole("record", "values", all.values, 0);
  checkWhole("record", "bins", all.bins, 1, 1024);
  if (all.step !== undefined) checkWhole("record", "step", all.step, 0);
  if (all.ceilings) {
    checkObject("record", "ceilings", all.ceilings, "{ gflops, gbPerSec, dispatchUs }");
    for (const name of ["gflops", "gbPerSec", "dispatchUs"] as const satisfies (keyof Ceilings)[])
      checkNumber("record", `ceilings.${name}`, all.ceilings[name], "a number above 0", (value) => value > 0);
  }
  if (all.previous) checkObject("record", "previous", all.previous, "a recording");
  return all;
}

/** Runs a program once and records the run. */
export async function record(program: Runnable, options: ReturnType<typeof checked>): Promise<Recording> {
  const { compiled, live } = program;
  const moments = new Moments(compiled);
  const { previous, ceilings } = options;
  if (previous) checkSame(previous, moments.all);
  const { data, timings } = await run(program, moments.all);
  const buffers = buffersOf(compiled);
  const places = new Map(buffers.map((buffer, i) => [buffer, i]));
  const tensors = moments.all.map((moment, i) =>
    tensorOf(moment, places.get(moment.buffer)!, data[i]!, options, previous?.tensors[i]),
  );
  const steps = previous?.steps ?? [];
  return {
    format,
    version,
    date: new Date().toISOString(),
    adapter: adapterOf(live),
    ...(ceilings && {
      ceilings: { gflops: ceilings.gflops, gbPerSec: ceilings.gbPerSec, dispatchUs: ceilings.dispatchUs },
    }),
    outputs: moments.outputs,
    ...(compiled.graphs && { graph: stagesOf(compiled, compiled.graphs, moments) }),
    dispatches: dispatchesOf(compiled, moments, places),
    timings,
    memory: memoryPlan(compiled, buffers),
    tensors,
    steps: [...steps, options.step ?? (steps.at(-1) ?? -1) + 1],
  };
}

function checkSame({ tensors = [] }: Recording, moments: readonly Moment[]): void {
  const show = (tensor?: Pick<Moment, "name" | "shape">) => (tensor ? `${tensor.name}[${tensor.shape}]` : "missing");
  const most = Math.max(tensors.length, moments.length);
  for (let i = 0; i < most; i++) {
    const [then, now] = [show(tensors[i]), show(moments[i])];
    if (then !== now)
      throw new AttributeError(`record: previous is of another program: its tensor ${i} is ${then}, here ${now}`);
  }
}

/** The bytes of each moment, and the times of the run. */
async function run({ live, dispatches, placeOf, begin, encode: plainly }: Runnable, moments: readonly Moment[]) {
  const { device } = live;
  begin();
  let time = performance.now();
  plainly().finish();
  const encodeMs = performance.now() - time;
  const encoder = device.createCommandEncoder({ label: "record" });
  const copies = moments.map((moment): GPUBuffer | undefined => {
    if (moment.buffer.data) return undefined;
    const size = Math.ceil(bytesOf(moment) / 4) * 4;
    return device.createBuffer({ label: "record", size, usage: usage.mapRead | usage.copyTarget });
  });
  const copy = (dispatch: number | null): void => {
    moments.forEach((moment, i) => {
      const target = copies[i];
      if (moment.dispatch !== dispatch || !target) return;
      const { buffer, offset } = placeOf(moment.buffer);
      encoder.copyBufferToBuffer(buffer, offset + moment.offset, target, 0, target.size);
    });
  };
  copy(null);
  const clock = hasClock(device, dispatches) ? timed(device, encoder, dispatches, copy) : undefined;
  if (!clock) {
    dispatches.forEach((dispatch, i) => {
      encode(encoder.beginComputePass(), dispatch);
      copy(i);
    });
  }
  const commands = encoder.finish();
  time = performance.now();
  device.queue.submit([commands]);
  const submitMs = performance.now() - time;
  time = performance.now();
  // Asked for in the same turn, before anything else can be submitted.
  const reads = copies.map((target) => target?.mapAsync(1));
  for (const read of reads) read?.catch(() => {});
  const readClock = clock?.times(async (buffer, bytes) => (await live.readBytes([{ buffer, offset: 0, bytes }]))[0]!);
  readClock?.catch(() => {});
  try {
    await live.until(Promise.all(reads));
    const doneMs = performance.now() - time;
    const gpu = await readClock;
    const timings: Timings = { encodeMs, submitMs, doneMs, ...(gpu && { gpu }) };
    const data = moments.map((moment, i) => {
      const { buffer, offset } = moment;
      const target = copies[i];
      const all = target ? target.getMappedRange().slice(0) : buffer.data!.slice().buffer;
      const from = target ? 0 : offset;
      return all.slice(from, from + bytesOf(moment));
    });
    return { data, timings };
  } finally {
    for (const target of copies) target?.destroy();
  }
}

function tensorOf(
  moment: Moment,
  buffer: number,
  bytes: ArrayBuffer,
  { values, bins }: { readonly values: number; readonly bins: number },
  before?: RecordedTensor,
): RecordedTensor {
  const { node, ...rest } = moment;
  const data = typed(bytes, moment.dtype);
  return {
    ...rest,
    buffer,
    statistics: [...(before?.statistics ?? []), statisticsOf(data, bins)],
    ...(data.length <= values && { values: toBase64(new Uint8Array(bytes)) }),
  };
}

function dispatchesOf(
  { calls, homes }: Recorded,
  moments: Moments,
  places: ReadonlyMap<VirtualBuffer, number>,
): RecordedDispatch[] {
  return calls.map((call, i) => ({
    label: call.label,
    layer: call.layer ?? "",
    family: call.family,
    variant: call.variant,
    source: call.source ?? "",
    choices: call.choices ?? [],
    workgroups: call.workgroups,
    flops: call.flops,
    bytes: call.bytes,
    wgsl: call.annotated?.() ?? call.wgsl,
    bindings: call.bindings.map((binding) => ({
      role: roleOf(binding, homes),
      access: binding.access,
      buffer: places.get(binding.buffer)!,
      offset: binding.offset,
      size: binding.size,
      ...moments.boundBy(binding, i),
    })),
  }));
}

function adapterOf({ open: { name, traits } }: LiveDevice): RecordedAdapter {
  const { cpu, features, maxInvocations, maxWorkgroupBytes, maxStorageBuffers, maxBinding } = traits;
  const limits = { maxInvocations, maxWorkgroupBytes, maxStorageBuffers, maxBinding };
  return { name, cpu, features: [...features].sort(), limits };
}
