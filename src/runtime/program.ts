import type { Compiled } from "../compile/compile.ts";
import { roleOf } from "../compile/homes.ts";
import type { MemoryPlan } from "../compile/plan.ts";
import { checkList, DeviceError, FeedError, noSuch } from "../errors.ts";
import type { Dispatch } from "../gpu/profiler.ts";
import { scoped } from "../gpu/scopes.ts";
import { inMemory } from "../graph/half.ts";
import type { KernelCall, View, VirtualBuffer } from "../graph/op.ts";
import { bytesPer, type DType, sizeOf } from "../graph/shape.ts";
import type { Tensor, TensorData } from "../graph/tensor.ts";
import { checkFeeds, type Feeds } from "./feeds.ts";
import { Output, typed } from "./output.ts";
import type { Runner } from "./runner.ts";
import { Watch } from "./watch.ts";

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

/** How long each kernel of a run took. */
export interface Profile {
  readonly kernels: readonly (Pick<KernelInfo, "label" | "layer"> & { readonly ms: number })[];
  /** The clock's grain in milliseconds, as its readings show it: they are multiples of it. Below some of them `ms` says little. */
  readonly resolutionMs: number;
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
  /** Present where kernels watch for NaN and infinity. */
  readonly #watch: Watch | undefined;
  /** Why this program cannot run any more, although others can. */
  #fault: Error | undefined;
  /**
   * How many errors of the device nobody had caught when the commands of this program were last found valid: as long as there are no
   * more, they still are.
   */
  #validAt = -1;

  /** @internal */
  constructor(runner: Runner, compiled: Recorded, pipelines: readonly GPUComputePipeline[], memories: Memories) {
    this.#runner = runner;
    this.#compiled = compiled;
    this.#memories = memories;
    this.memory = memoryOf(compiled);
    const { guard } = compiled;
    this.#watch = guard && new Watch(guard, memories.of(guard.flag), runner.device.queue);
    this.#dispatches = compiled.calls.map((call, i) => ({
      pipeline: pipelines[i]!,
      workgroups: call.workgroups,
      group: runner.bindGroup(call, memories),
    }));
    const made = Object.fromEntries(
      Object.entries(compiled.outputs).map(([name, view]) => [
        name,
        new Output(name, view.shape, view.dtype, async () => (await this.read([name as keyof O & string]))[name]!),
      ]),
    );
    // What looks into objects asks for names of its own, such as `then`: only what may be an output's name is refused.
    this.outputs = new Proxy(made, {
      get: (outputs, name) =>
        typeof name !== "string" || name in outputs || /^[$_]|^(then|toJSON|nodeType|asymmetricMatch)$/.test(name)
          ? outputs[name as string]
          : unknownOutput(name, outputs),
    }) as unknown as Outputs<O>;
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
    this.#expect(feeds);
    await this.#act("run", () => {
      this.#begin();
      this.#write(feeds);
      this.#runner.device.queue.submit([this.encode().finish()]);
    });
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
    this.#expect(feeds);
    return this.#bringBack(places, feeds);
  }

  /**
   * Several outputs of one run: that which was submitted last.
   * @param names which; default all.
   * @returns new typed arrays by the outputs' names, row-major.
   * @throws FeedError for an output that there is not, and before the first run.
   * @throws NonFiniteError, DeviceError as `compute`.
   */
  async read<K extends keyof O & string>(names?: readonly K[]): Promise<Results<O, K>> {
    this.#check();
    const places = this.#placesOf(names);
    if (!this.#hasRun) throw new FeedError("read: the program has not run yet, so its outputs have no values");
    return this.#bringBack(places);
  }

  /**
   * Runs once like `run`, each kernel in a pass of its own, and times them by the GPU's clock.
   * @returns labels, layers and milliseconds in the order of running, and the clock's resolution: Chrome's ticks every 65.5 µs.
   * @throws DeviceError when the adapter has no timestamp queries; otherwise as `run`.
   */
  async profile(feeds: Feeds = {}): Promise<Profile> {
    // Few programs are ever profiled: what it takes is loaded only then.
    const { profile } = await import("../gpu/profiler.ts");
    this.#expect(feeds);
    const read = async (buffer: GPUBuffer, bytes: number) =>
      (await this.#runner.readBytes([{ buffer, offset: 0, bytes }]))[0]!;
    const { device } = this.#runner;
    const { ms, resolutionMs } = await scoped(device, "profile", () => {
      this.#begin();
      this.#write(feeds);
      return profile(device, this.#dispatches, read);
    });
    return { kernels: this.#compiled.calls.map(({ label, layer }, i) => ({ label, layer, ms: ms[i]! })), resolutionMs };
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

  /** Checks the program and its feeds, before anything is done. */
  #expect(feeds: Feeds): void {
    this.#check();
    checkFeeds(this.#compiled, feeds);
  }

  /** A run begins. */
  #begin(): void {
    this.#watch?.started();
    if (this.#hasRun) return;
    this.#hasRun = true;
    for (const variable of this.#compiled.updated) variable.changed();
  }

  #write(feeds: Feeds): void {
    for (const [name, { buffer, tensor }] of this.#compiled.inputs) {
      const data = inMemory(feeds[name]!, tensor.dtype) as GPUAllowSharedBufferSource;
      this.#runner.device.queue.writeBuffer(this.#memories.of(buffer), 0, data);
    }
  }

  /** @internal The commands of one run. @param idle binds memory without computing, which is as valid or invalid as a run. */
  encode(idle = false): GPUCommandEncoder {
    const encoder = this.#runner.device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    for (const { pipeline, group, workgroups } of this.#dispatches) {
      pass.setPipeline(pipeline);
      pass.setBindGroup(0, group);
      if (!idle) pass.dispatchWorkgroups(...workgroups);
    }
    pass.end();
    return encoder;
  }

  get #isValid(): boolean {
    return this.#validAt === this.#runner.errors;
  }

  /**
   * Acts on the GPU. The same commands are as valid the next time, so error scopes, which cost as much as some dispatches, are there
   * for the first time and after errors that may have been this program's.
   */
  async #act<T>(call: string, act: () => T | Promise<T>): Promise<T> {
    if (this.#isValid) return act();
    const { errors, device } = this.#runner;
    try {
      const value = await scoped(device, call, act);
      this.#validAt = errors;
      return value;
    } catch (error) {
      // Memory may be there the next time; what is invalid stays so.
      if (error instanceof DeviceError) this.#fault ??= error;
      throw error;
    }
  }

  #placesOf(names: readonly string[] = Object.keys(this.#compiled.outputs)): Map<string, Place> {
    const { outputs } = this.#compiled;
    return new Map(
      checkList("the program", "the list of outputs", names).map((name) => {
        const place = Object.hasOwn(outputs, name) ? outputs[name] : undefined;
        if (place) return [name, place];
        return unknownOutput(name, outputs);
      }),
    );
  }

  /**
   * Reads outputs, all as one run left them: a run of its own with `feeds`, if any. Where kernels watch for NaN, their flag comes
   * along.
   */
  async #bringBack<K extends string>(places: ReadonlyMap<string, Place>, feeds?: Feeds) {
    const { device, throttle } = this.#runner;
    const watch = this.#watch;
    const wanted = [...[...places.values()].map((place) => this.#bytesOf(place)), ...(watch ? [watch.place] : [])];
    let finite: Promise<void> | undefined;
    const data = await this.#act(feeds ? "compute" : "read", () => {
      if (feeds) {
        watch?.makeRoom(() => this.#runner.readBytes([watch.place]));
        this.#begin();
        this.#write(feeds);
      }
      // Runs since the last look may have failed: an idle one fails for the same reason.
      const encoder = feeds || !this.#isValid ? this.encode(!feeds) : undefined;
      const read = this.#runner.readBytes(wanted, encoder);
      if (feeds) void throttle.submitted();
      finite = watch?.check(read, feeds !== undefined);
      finite?.catch(() => {}); // It is awaited below, or the read has failed.
      return read;
    });
    // An error that came with the data may be that of the run they are from.
    if (!this.#isValid) await this.#act("read", () => device.queue.submit([this.encode(true).finish()]));
    await finite;
    return Object.fromEntries([...places].map(([name, { dtype }], i) => [name, typed(data[i]!, dtype)])) as Results<
      O,
      K
    >;
  }

  #bytesOf({ buffer, base, shape, dtype }: Place) {
    return { buffer: this.#memories.of(buffer), offset: base, bytes: sizeOf(shape) * bytesPer(dtype) };
  }

  #check(): void {
    this.#runner.check();
    if (this.#destroyed) throw new DeviceError("the program has been destroyed");
    if (this.#fault) throw this.#fault;
  }
}

function unknownOutput(name: string, outputs: object): never {
  throw new FeedError(`the program: ${noSuch("output", name, Object.keys(outputs))}`);
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
