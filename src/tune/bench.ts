import { mapRead, usage } from "../gpu/flags.ts";
import type { PipelineCache } from "../gpu/pipelines.ts";
import { scoped } from "../gpu/scopes.ts";
import { halfValue } from "../graph/half.ts";
import type { Binding, PrintedCall } from "../kernels/call.ts";

/** The measurements of one problem. */
export interface Finding {
  readonly problem: string;
  /** The fastest variant. */
  readonly variant: string;
  /** Milliseconds per execution, by variant; null where a variant's values differ from those of the plainest. */
  readonly ms: Readonly<Record<string, number | null>>;
}

/** A variant and the calls it consists of. */
export interface Candidate {
  readonly variant: string;
  readonly calls: readonly PrintedCall[];
}

interface Ready extends Candidate {
  readonly pipelines: readonly GPUComputePipeline[];
  readonly groups: readonly GPUBindGroup[];
  /** Buffers of all ranges that the calls bind, by `nameOf` the range. */
  readonly buffers: ReadonlyMap<string, GPUBuffer>;
}

/** Shortest measurement in milliseconds: far above the clock's resolution and the cost of a submit. */
const span = 20;
const rounds = 3;
/** A variant this many times slower than the best on its first try is not measured again. */
const hopeless = 3;
/** Most bytes of a result to compare. */
const compared = 16 * 2 ** 20;
/** Relative to the largest value. Covers sums of thousands of terms in another order and, in f16, some roundings. */
const tolerance = { f32: 1e-3, f16: 2e-2 };

/** Compares variants on buffers of their own. */
export class Bench {
  readonly #device: GPUDevice;
  readonly #pipelines: PipelineCache;

  constructor(device: GPUDevice, pipelines: PipelineCache) {
    this.#device = device;
    this.#pipelines = pipelines;
  }

  /**
   * The fastest variant that agrees with the first, and the time of each. Undefined where none can run, e.g. for lack
   * of memory.
   */
  async compare(candidates: readonly Candidate[]): Promise<Pick<Finding, "variant" | "ms"> | undefined> {
    const ms: Record<string, number | null> = Object.fromEntries(candidates.map(({ variant }) => [variant, null]));
    const sound: Sound[] = [];
    try {
      return await this.#compare(candidates, sound, ms);
    } finally {
      for (const { ready } of sound) free(ready);
    }
  }

  async #compare(
    candidates: readonly Candidate[],
    sound: Sound[],
    ms: Record<string, number | null>,
  ): Promise<Pick<Finding, "variant" | "ms"> | undefined> {
    let reference: Results | undefined;
    for (const candidate of candidates) {
      const tried = await this.#try(candidate, reference).catch((error) => {
        // Skip variants that the driver cannot compile or has no memory for. Compare names: this bundle has its own
        // error classes.
        if (error.name === "DeviceError" || error.name === "LimitError") return undefined;
        throw error;
      });
      if (!tried) continue;
      reference ??= tried.results;
      sound.push({ ready: tried.ready, first: tried.first, times: [] });
    }
    if (sound.length === 0) return undefined;
    const best = Math.min(...sound.map(({ first }) => first));
    // Alternate, so that other load on the machine affects all variants alike.
    for (let round = 0; round < rounds; round++) {
      for (const { ready, first, times } of sound) {
        if (first > hopeless * best) continue;
        const repeats = Math.min(1000, Math.max(1, Math.ceil(span / Math.max(first, 0.01))));
        times.push((await this.#time(ready, repeats)) / repeats);
      }
    }
    for (const { ready, first, times } of sound) {
      ms[ready.variant] = times.length > 0 ? Math.min(...times) : first;
    }
    const winner = sound.reduce((a, b) => (ms[b.ready.variant]! < ms[a.ready.variant]! ? b : a));
    return { variant: winner.ready.variant, ms };
  }

  /** Runs a variant for the first time. Undefined where its values differ from `reference`. */
  async #try(candidate: Candidate, reference: Results | undefined) {
    const pipelines = await Promise.all(candidate.calls.map((call) => this.#pipelines.get(call)));
    const buffers = new Map<string, GPUBuffer>();
    let agreed = false;
    try {
      const ready = await scoped(this.#device, "tune", () => this.#prepare(candidate, pipelines, buffers));
      await scoped(this.#device, "tune", () => this.#time(ready, 1));
      const results = await scoped(this.#device, "tune", () => this.#results(ready));
      agreed = agree(results, reference ?? results);
      return agreed ? { ready, results, first: await this.#time(ready, 1) } : undefined;
    } finally {
      if (!agreed) free({ buffers });
    }
  }

  /** Creates filled buffers and bind groups. */
  #prepare(candidate: Candidate, pipelines: readonly GPUComputePipeline[], buffers: Map<string, GPUBuffer>): Ready {
    const { calls } = candidate;
    for (const { bindings, elements } of calls) {
      for (const [i, binding] of bindings.entries()) {
        if (buffers.has(nameOf(binding))) continue;
        const { buffer, offset, size } = binding;
        const flags = usage.storage | usage.copySource | usage.copyTarget;
        const made = this.#device.createBuffer({ label: buffer.role, size, usage: flags });
        const data = buffer.data?.subarray(offset, offset + size) ?? noise(size, elements![i]!);
        this.#device.queue.writeBuffer(made, 0, data as GPUAllowSharedBufferSource);
        buffers.set(nameOf(binding), made);
      }
    }
    const groups = calls.map((call) =>
      this.#device.createBindGroup({
        layout: this.#pipelines.layout(call),
        entries: call.bindings.map((each, binding) => ({
          binding,
          resource: { buffer: buffers.get(nameOf(each))! },
        })),
      }),
    );
    return { ...candidate, pipelines, groups, buffers };
  }

  /** Runs a variant `repeats` times in one pass. @returns milliseconds of wall-clock time. */
  async #time({ calls, pipelines, groups }: Ready, repeats: number): Promise<number> {
    const encoder = this.#device.createCommandEncoder({ label: "tuning" });
    const pass = encoder.beginComputePass();
    for (let n = 0; n < repeats; n++) {
      for (const [i, { workgroups }] of calls.entries()) {
        pass.setPipeline(pipelines[i]!);
        pass.setBindGroup(0, groups[i]!);
        pass.dispatchWorkgroups(...workgroups);
      }
    }
    pass.end();
    const began = performance.now();
    this.#device.queue.submit([encoder.finish()]);
    await this.#device.queue.onSubmittedWorkDone();
    return performance.now() - began;
  }

  /** The floats that the last call has written. */
  async #results({ calls, buffers }: Ready): Promise<Results> {
    const last = calls.at(-1)!;
    const results: Promise<{ type: "f32" | "f16"; values: Float32Array }>[] = [];
    for (const [i, binding] of last.bindings.entries()) {
      const type = last.elements![i]!;
      if (binding.access !== "read_write" || (type !== "f32" && type !== "f16")) continue;
      const size = Math.min(binding.size, compared);
      const staging = this.#device.createBuffer({ size, usage: usage.mapRead | usage.copyTarget });
      const encoder = this.#device.createCommandEncoder({ label: "tuning" });
      encoder.copyBufferToBuffer(buffers.get(nameOf(binding))!, 0, staging, 0, size);
      this.#device.queue.submit([encoder.finish()]);
      results.push(valuesOf(staging, type));
    }
    return Promise.all(results);
  }
}

interface Sound {
  readonly ready: Ready;
  readonly first: number;
  readonly times: number[];
}

async function valuesOf(staging: GPUBuffer, type: "f32" | "f16"): Promise<Results[number]> {
  try {
    await staging.mapAsync(mapRead);
    const bytes = staging.getMappedRange().slice(0);
    return {
      type,
      values: type === "f32" ? new Float32Array(bytes) : Float32Array.from(new Uint16Array(bytes), halfValue),
    };
  } finally {
    staging.destroy();
  }
}

type Results = readonly { readonly type: "f32" | "f16"; readonly values: Float32Array }[];

const nameOf = ({ buffer, offset, size }: Binding): string => `${buffer.id} ${offset} ${size}`;

function free({ buffers }: Pick<Ready, "buffers">): void {
  for (const buffer of buffers.values()) buffer.destroy();
}

/** Small numbers of both signs for floats; zeros for indices and labels, which are always valid. */
function noise(bytes: number, type: "f32" | "f16" | "i32" | "u32"): Uint8Array | Float32Array | Uint16Array {
  if (type === "f32") return Float32Array.from({ length: bytes / 4 }, (_, i) => Math.sin(i * 12.9898) / 2);
  // The bits of ±0.0625 to ±0.5 in f16.
  if (type === "f16")
    return Uint16Array.from({ length: bytes / 2 }, (_, i) => ((i % 2) << 15) + 0x2c00 + ((i * 37) % 0xc00));
  return new Uint8Array(bytes);
}

function agree(results: Results, reference: Results): boolean {
  return results.every(({ type, values }, i) => {
    const wanted = reference[i]!.values;
    const largest = wanted.reduce((max, value) => Math.max(max, Math.abs(value)), 0);
    return values.every((value, k) => {
      const target = wanted[k]!;
      return (
        Math.abs(value - target) <= tolerance[type] * (largest + 1e-6) || (Number.isNaN(value) && Number.isNaN(target))
      );
    });
  });
}
