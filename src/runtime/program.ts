import type { Compiled } from "../compile/compile.ts";
import type { Guard } from "../compile/guard.ts";
import type { MemoryPlan } from "../compile/plan.ts";
import { DeviceError, NonFiniteError } from "../errors.ts";
import type { Dispatch } from "../gpu/profiler.ts";
import { inMemory } from "../graph/half.ts";
import type { KernelCall, View, VirtualBuffer } from "../graph/op.ts";
import { bytesPer, sizeOf } from "../graph/shape.ts";
import { checkFeeds, type Feeds } from "./feeds.ts";
import { Output, typed } from "./output.ts";
import type { Runner } from "./runner.ts";

/** Bytes that a program keeps on the GPU, known before its first run. */
export interface Memory {
  /** Weights, moments, counters: shared with other programs over the same variables. */
  readonly variables: number;
  readonly inputs: number;
  readonly constants: number;
  /** Activations, gradients and outputs, after sharing by lifetime. */
  readonly scratch: number;
  /** What scratch would be if nothing were shared. */
  readonly scratchUnshared: number;
  readonly total: number;
}

/** What `inspect` tells of one dispatch. */
export type KernelInfo = Pick<
  KernelCall,
  "label" | "family" | "variant" | "wgsl" | "workgroups" | "invocations" | "flops" | "bytes"
> & {
  readonly bindings: readonly {
    readonly role: string;
    readonly access: "read" | "read_write";
    readonly offset: number;
    readonly size: number;
  }[];
};

/** What `inspect` tells of one buffer of the plan. */
export interface BufferInfo {
  readonly role: string;
  readonly bytes: number;
  /** Positions among the kernels of its first and last use; null where it outlives the run. */
  readonly first: number;
  readonly last: number | null;
  /** Number of the piece of memory that it shares with others. */
  readonly slot: number;
}

export interface Inspection {
  /** The graph as built, after simplification and after fusion. */
  readonly graph: { readonly built: string; readonly simplified: string; readonly fused: string };
  readonly kernels: readonly KernelInfo[];
  readonly buffers: readonly BufferInfo[];
  readonly memory: Memory;
}

/** Where an output lies. */
export type Place = Pick<View, "buffer" | "base" | "shape" | "dtype">;

/** What of a compiled program is needed to run it. */
export interface Recorded
  extends Pick<Compiled, "calls" | "inputs" | "bounds" | "homes" | "guard" | "stages" | keyof MemoryPlan> {
  readonly outputs: Readonly<Record<string, Place>>;
}

/** Where a program's virtual buffers got their memory. */
export interface Memories {
  readonly own: readonly GPUBuffer[];
  of(buffer: VirtualBuffer): GPUBuffer;
}

/**
 * A recorded computation: pipelines, buffers and bind groups are made, `run` replays them. Made by `engine.compile`.
 */
export class Program<O extends Readonly<Record<string, unknown>> = Readonly<Record<string, unknown>>> {
  /** Results by the names they were compiled under. */
  readonly outputs: { readonly [K in keyof O]: Output };
  readonly memory: Memory;
  readonly #runner: Runner;
  readonly #compiled: Recorded;
  readonly #dispatches: readonly Dispatch[];
  readonly #memories: Memories;
  #destroyed = false;

  /** @internal */
  constructor(runner: Runner, compiled: Recorded, pipelines: readonly GPUComputePipeline[], memories: Memories) {
    this.#runner = runner;
    this.#compiled = compiled;
    this.#memories = memories;
    this.memory = memoryOf(compiled);
    this.#dispatches = compiled.calls.map((call, i) => ({
      pipeline: pipelines[i]!,
      workgroups: call.workgroups,
      group: runner.bindGroup(call, memories),
    }));
    this.outputs = Object.fromEntries(
      Object.entries(compiled.outputs).map(([name, view]) => [
        name,
        new Output(name, view.shape, view.dtype, () => this.#read(view)),
      ]),
    ) as unknown as { readonly [K in keyof O]: Output };
  }

  /**
   * Runs once: writes the inputs, then one pass, one submit. All updates take effect at its end. Resolves as soon as the next run
   * may follow, which is not when the GPU is done: waiting for each run does not stall the pipeline.
   *
   * @param feeds one typed array for each input, row-major.
   * @throws FeedError for missing, surplus or unfit feeds; nothing has been computed then.
   * @throws DeviceError when the engine is destroyed, its device lost, or an earlier run failed on the GPU.
   */
  async run(feeds: Feeds = {}): Promise<void> {
    this.#write(feeds);
    const { device } = this.#runner;
    const encoder = device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    for (const { pipeline, group, workgroups } of this.#dispatches) {
      pass.setPipeline(pipeline);
      pass.setBindGroup(0, group);
      pass.dispatchWorkgroups(...workgroups);
    }
    pass.end();
    device.queue.submit([encoder.finish()]);
    await this.#runner.throttle.submitted();
  }

  /**
   * Runs once like `run`, each kernel in a pass of its own, and times them by the GPU's clock.
   * @returns labels and milliseconds in the order of running. Chrome's clock ticks every 65.5 µs.
   * @throws DeviceError when the adapter has no timestamp queries; otherwise as `run`.
   */
  async profile(feeds: Feeds = {}): Promise<{ readonly label: string; readonly ms: number }[]> {
    // Few programs are ever profiled: what it takes is loaded only then.
    const { profile } = await import("../gpu/profiler.ts");
    this.#write(feeds);
    const times = await profile(this.#runner.device, this.#dispatches, (buffer, offset, bytes) =>
      this.#runner.readBytes(buffer, offset, bytes),
    );
    return times.map((ms, i) => ({ label: this.#compiled.calls[i]!.label, ms }));
  }

  /** Graph, kernels with their WGSL, buffers with their lifetimes, memory. Costs nothing until called. */
  inspect(): Inspection {
    const { calls, stages, lifetimes, slots, slotOf } = this.#compiled;
    return {
      graph: { built: stages.built(), simplified: stages.simplified(), fused: stages.fused() },
      kernels: calls.map(({ choices: _, bindings, ...call }) => ({
        ...call,
        bindings: bindings.map(({ buffer, access, offset, size }) => ({ role: buffer.role, access, offset, size })),
      })),
      buffers: lifetimes.map(({ buffer, first, last }) => ({
        role: buffer.role,
        bytes: buffer.bytes,
        first,
        last: Number.isFinite(last) ? last : null,
        slot: slots.indexOf(slotOf.get(buffer)!),
      })),
      memory: this.memory,
    };
  }

  /** Frees the program's own buffers. Variables stay: they belong to the engine. */
  destroy(): void {
    if (this.#destroyed) return;
    this.#destroyed = true;
    for (const buffer of this.#memories.own) buffer.destroy();
    this.#runner.forget(this);
  }

  /** Checks the feeds, then writes them to the inputs' buffers. */
  #write(feeds: Feeds): void {
    this.#check();
    checkFeeds(this.#compiled, feeds);
    for (const [name, { buffer, tensor }] of this.#compiled.inputs) {
      const data = inMemory(feeds[name]!, tensor.dtype) as GPUAllowSharedBufferSource;
      this.#runner.device.queue.writeBuffer(this.#memories.of(buffer), 0, data);
    }
  }

  async #read(view: Place) {
    this.#check();
    const { guard } = this.#compiled;
    const bytes = sizeOf(view.shape) * bytesPer(view.dtype);
    const [data] = await Promise.all([
      this.#runner.readBytes(this.#memories.of(view.buffer), view.base, bytes),
      guard && this.#checkFinite(guard),
    ]);
    return typed(data, view.dtype);
  }

  /** Reads the flag that the kernels leave, and clears it once it has been reported. */
  async #checkFinite({ flag, stores }: Guard): Promise<void> {
    const memory = this.#memories.of(flag);
    const [store] = new Uint32Array(await this.#runner.readBytes(memory, 0, 4));
    const first = stores[store! - 1];
    if (!first) return;
    this.#runner.device.queue.writeBuffer(memory, 0, new Uint32Array(1));
    throw new NonFiniteError(
      `NaN or infinity first arose in kernel "${first.kernel}", in what it writes to "${first.role}"`,
    );
  }

  #check(): void {
    if (this.#destroyed) throw new DeviceError("the program has been destroyed");
    this.#runner.check();
  }
}

/** Bytes of a compiled program, before anything is allocated. */
export function memoryOf({ homes, inputs, calls, slots, lifetimes }: Recorded): Memory {
  const sum = (buffers: Iterable<{ bytes: number }>) => [...buffers].reduce((total, { bytes }) => total + bytes, 0);
  const variables = sum(new Set([...homes.values()].map(({ buffer }) => buffer)));
  const fed = sum([...inputs.values()].map(({ buffer }) => buffer));
  const constants = sum(
    new Set(
      calls.flatMap(({ bindings }) => bindings.map(({ buffer }) => buffer).filter(({ kind }) => kind === "constant")),
    ),
  );
  const scratch = sum(slots);
  return {
    variables,
    inputs: fed,
    constants,
    scratch,
    scratchUnshared: sum(lifetimes.map(({ buffer }) => buffer)),
    total: variables + fed + constants + scratch,
  };
}
