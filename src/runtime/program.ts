import type { Compiled } from "../compile/compile.ts";
import { roleOf } from "../compile/homes.ts";
import type { MemoryPlan } from "../compile/plan.ts";
import { DeviceError, FeedError, NonFiniteError } from "../errors.ts";
import type { Dispatch } from "../gpu/profiler.ts";
import { inMemory } from "../graph/half.ts";
import type { KernelCall, View, VirtualBuffer } from "../graph/op.ts";
import { bytesPer, type DType, sizeOf } from "../graph/shape.ts";
import type { Tensor, TensorData } from "../graph/tensor.ts";
import { showLayer } from "../layer.ts";
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
  "label" | "layer" | "family" | "variant" | "wgsl" | "workgroups" | "invocations" | "flops" | "bytes"
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
  extends Pick<Compiled, "calls" | "inputs" | "bounds" | "homes" | "updated" | "guard" | "stages" | keyof MemoryPlan> {
  readonly outputs: Readonly<Record<string, Place>>;
}

/** What `compute` and `read` bring back: a new typed array for each output. */
export type Results<O, K extends keyof O = keyof O> = { readonly [N in K]: TensorData<Known<O[N]>> };

/** The dtype of a tensor that a program was compiled of; any where nothing but the output's name is known. */
type Known<T> = T extends Tensor<infer D> ? D : DType;

/** Where a program's virtual buffers got their memory. */
export interface Memories {
  readonly own: readonly GPUBuffer[];
  of(buffer: VirtualBuffer): GPUBuffer;
}

/** The outputs of a program that was compiled of such tensors. */
export type Outputs<O> = { readonly [K in keyof O]: Output<Known<O[K]>> };

/**
 * A recorded computation: pipelines, buffers and bind groups are made, `run` replays them. Made by `engine.compile`.
 */
export class Program<O extends Readonly<Record<string, unknown>> = Readonly<Record<string, unknown>>> {
  /** Results by the names they were compiled under. */
  readonly outputs: Outputs<O>;
  readonly memory: Memory;
  readonly #runner: Runner;
  readonly #compiled: Recorded;
  readonly #dispatches: readonly Dispatch[];
  readonly #memories: Memories;
  #destroyed = false;
  #hasRun = false;

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
        new Output(name, view.shape, view.dtype, async () => (await this.read([name as keyof O & string]))[name]!),
      ]),
    ) as unknown as Outputs<O>;
  }

  /**
   * Runs once: writes the inputs, then one pass, one submit. All updates take effect at its end. Resolves as soon as the next run
   * may follow, which is not when the GPU is done: waiting for each run does not stall the pipeline.
   *
   * Results stay on the GPU, where the next run overwrites them, whoever calls it: `compute` brings back those of its own run.
   *
   * @param feeds one typed array for each input, row-major.
   * @throws FeedError for missing, surplus or unfit feeds; nothing has been computed then.
   * @throws DeviceError when the engine is destroyed, its device lost, or an earlier run failed on the GPU.
   */
  async run(feeds: Feeds = {}): Promise<void> {
    this.#write(feeds);
    this.#runner.device.queue.submit([this.encode().finish()]);
    await this.#runner.throttle.submitted();
  }

  /**
   * Runs once and returns the results of this very run, whatever else is queued before or behind it: calls may overlap. Feeds are
   * taken over before it returns, so their arrays may be reused at once.
   *
   * @param feeds as for `run`.
   * @param names which outputs to bring back; default all.
   * @returns new typed arrays by the outputs' names, row-major. Updates have taken effect, but outputs are values from before them.
   * @throws FeedError as `run`, and for an output that there is not.
   * @throws NonFiniteError where kernels watch for NaN and infinity, and one arose.
   * @throws DeviceError as `run`.
   */
  async compute<K extends keyof O & string>(feeds: Feeds = {}, names?: readonly K[]): Promise<Results<O, K>> {
    const places = this.#placesOf(names);
    this.#write(feeds);
    return this.#bringBack(places, this.encode());
  }

  /**
   * Several outputs of one run: that which was submitted last.
   * @param names which; default all.
   * @returns new typed arrays by the outputs' names, row-major.
   * @throws FeedError for an output that there is not. @throws NonFiniteError, DeviceError as `compute`.
   */
  async read<K extends keyof O & string>(names?: readonly K[]): Promise<Results<O, K>> {
    this.#check();
    return this.#bringBack(this.#placesOf(names));
  }

  /**
   * Runs once like `run`, each kernel in a pass of its own, and times them by the GPU's clock.
   * @returns labels, layers and milliseconds in the order of running. Chrome's clock ticks every 65.5 µs.
   * @throws DeviceError when the adapter has no timestamp queries; otherwise as `run`.
   */
  async profile(feeds: Feeds = {}): Promise<(Pick<KernelInfo, "label" | "layer"> & { readonly ms: number })[]> {
    // Few programs are ever profiled: what it takes is loaded only then.
    const { profile } = await import("../gpu/profiler.ts");
    this.#write(feeds);
    const times = await profile(
      this.#runner.device,
      this.#dispatches,
      async (buffer, offset, bytes) => (await this.#runner.readBytes([{ buffer, offset, bytes }]))[0]!,
    );
    return times.map((ms, i) => {
      const { label, layer } = this.#compiled.calls[i]!;
      return { label, layer, ms };
    });
  }

  /** Graph, kernels with their WGSL, buffers with their lifetimes, memory. Costs nothing until called. */
  inspect(): Inspection {
    const { calls, stages, lifetimes, slots, slotOf, homes } = this.#compiled;
    return {
      graph: { built: stages.built(), simplified: stages.simplified(), fused: stages.fused() },
      kernels: calls.map(({ choices: _, bindings, ...call }) => ({
        ...call,
        bindings: bindings.map((binding) => {
          const { access, offset, size } = binding;
          return { role: roleOf(binding, homes), access, offset, size };
        }),
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

  /** @internal The commands of one run. */
  encode(): GPUCommandEncoder {
    if (!this.#hasRun) for (const variable of this.#compiled.updated) variable.changed();
    this.#hasRun = true;
    const encoder = this.#runner.device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    for (const { pipeline, group, workgroups } of this.#dispatches) {
      pass.setPipeline(pipeline);
      pass.setBindGroup(0, group);
      pass.dispatchWorkgroups(...workgroups);
    }
    pass.end();
    return encoder;
  }

  #placesOf(names: readonly string[] = Object.keys(this.#compiled.outputs)): Map<string, Place> {
    const { outputs } = this.#compiled;
    return new Map(
      names.map((name) => {
        const place = Object.hasOwn(outputs, name) ? outputs[name] : undefined;
        if (place) return [name, place];
        const known = Object.keys(outputs).map((key) => `"${key}"`);
        throw new FeedError(`there is no output "${name}"; the program's outputs are ${known.join(", ") || "none"}`);
      }),
    );
  }

  /**
   * Reads outputs, all as one run left them, after the commands of `encoder`, if any. Where kernels watch for NaN, their flag comes
   * along; a run of its own takes it away with it, so that no other caller is told of its NaN.
   */
  async #bringBack<K extends string>(places: ReadonlyMap<string, Place>, encoder?: GPUCommandEncoder) {
    const { guard } = this.#compiled;
    const flag = guard && { buffer: this.#memories.of(guard.flag), offset: 0, bytes: 4 };
    const read = this.#runner.readBytes(
      [...[...places.values()].map((place) => this.#bytesOf(place)), ...(flag ? [flag] : [])],
      encoder,
    );
    if (encoder) void this.#runner.throttle.submitted();
    if (flag && encoder) this.#clear(flag.buffer);
    const data = await read;
    const first = guard?.stores[new Uint32Array(data.at(-1)!)[0]! - 1];
    if (first) {
      if (!encoder) this.#clear(flag!.buffer);
      throw new NonFiniteError(
        `NaN or infinity first arose in kernel "${first.kernel}"${showLayer(first.layer)}, in what it writes to "${first.role}"`,
      );
    }
    return Object.fromEntries([...places].map(([name, { dtype }], i) => [name, typed(data[i]!, dtype)])) as Results<
      O,
      K
    >;
  }

  #bytesOf({ buffer, base, shape, dtype }: Place) {
    return { buffer: this.#memories.of(buffer), offset: base, bytes: sizeOf(shape) * bytesPer(dtype) };
  }

  #clear(flag: GPUBuffer): void {
    this.#runner.device.queue.writeBuffer(flag, 0, new Uint32Array(1));
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
