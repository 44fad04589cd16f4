import { type Compiled, type CompileOptions, compile, type Description } from "../compile/compile.ts";
import type { Home } from "../compile/homes.ts";
import { DeviceError, FeedError, LimitError } from "../errors.ts";
import { type DeviceOptions, type OpenDevice, openDevice } from "../gpu/device.ts";
import { usage } from "../gpu/flags.ts";
import { PipelineCache } from "../gpu/pipelines.ts";
import { Readback } from "../gpu/readback.ts";
import { Throttle } from "../gpu/throttle.ts";
import { inMemory } from "../graph/half.ts";
import type { AdapterTraits, KernelCall, VirtualBuffer } from "../graph/op.ts";
import { bytesPer, showShape, sizeOf } from "../graph/shape.ts";
import type { Tensor, TensorData, Update, Variable } from "../graph/tensor.ts";
import type { Finding } from "../tune/index.ts";
import type { TuningStore } from "../tune/store.ts";
import { typed } from "./output.ts";
import { type Memories, Program } from "./program.ts";
import { Tuning } from "./tuning.ts";

export interface EngineOptions extends DeviceOptions {
  /** Forces variants by kernel family, e.g. `{ matmul: "naive" }`, where they fit; for tests and measurements. */
  readonly variants?: Readonly<Record<string, string>>;
  /**
   * Lets every kernel watch for NaN and infinity in what it stores. Reading an output then rejects with a NonFiniteError that names
   * the kernel and the tensor where the first one arose; default false.
   */
  readonly checkFinite?: boolean;
  /**
   * Where to keep which variants are fastest here (see `tuning`): in Node, `tuningFile()` of tilegrad/node. Default IndexedDB in
   * browsers, which is opened by the first `compile` that tunes; a store given here is read at once.
   */
  readonly tuningStore?: TuningStore;
  /** Checks every kernel variant against the reference first (a few seconds) and avoids those that are wrong here; default false. */
  readonly selfCheck?: boolean;
}

export interface TuneOptions {
  /** Whether to measure; a function is told what was found for each problem as it is found. */
  readonly tune?: boolean | ((finding: Finding) => void);
}

/**
 * A GPU device with what tilegrad keeps on it: compiled kernels, the values of variables, programs.
 */
export class Engine {
  readonly device: GPUDevice;
  /** Name of the adapter, as far as it is told. */
  readonly adapter: string;
  /** What kernels are chosen by. */
  readonly traits: AdapterTraits;
  /** Which kernel variants were measured to be fastest on this adapter. */
  readonly tuning: Tuning;
  /** @internal */
  readonly throttle: Throttle;
  readonly #owned: boolean;
  readonly #checkFinite: boolean;
  readonly #pipelines: PipelineCache;
  readonly #readback: Readback;
  readonly #homes = new Map<Variable, Home>();
  readonly #arenas = new Map<VirtualBuffer, GPUBuffer>();
  /**
   * Values written to variables that no program uses yet. They wait, so that a model loaded before it is compiled still shares
   * one arena.
   */
  readonly #waiting = new Map<Variable, TensorData>();
  readonly #programs = new Set<{ destroy(): void }>();
  #fault: DeviceError | undefined;

  /**
   * Opens a GPU.
   * @param options the app's own `device`, or where to get one from; default `navigator.gpu`.
   * @throws DeviceError when there is no WebGPU or no adapter; the message says what to do.
   */
  static async create(options: EngineOptions = {}): Promise<Engine> {
    const open = await openDevice(options);
    const tuning = new Tuning(open.name, options.tuningStore);
    if (options.tuningStore) await tuning.load();
    if (!options.selfCheck) return new Engine(open, tuning, options);
    // Loaded only when asked for, as are tuner and guard. The package holds each as a bundle of its own: a module that a page shared
    // with them would keep all its exports.
    const { selfCheck } = await import("../selfcheck/index.ts");
    const { faults } = await selfCheck({ device: open.device });
    const avoid = new Set(faults.map(({ family, variant }) => `${family}/${variant}`));
    return new Engine({ ...open, traits: { ...open.traits, avoid } }, tuning, options);
  }

  private constructor(
    { device, traits, name, owned }: OpenDevice,
    tuning: Tuning,
    { variants, checkFinite = false }: EngineOptions,
  ) {
    this.device = device;
    this.adapter = name;
    this.tuning = tuning;
    this.traits = { ...traits, tuned: tuning.table, ...(variants ? { forced: variants } : {}) };
    this.throttle = new Throttle(device.queue);
    this.#owned = owned;
    this.#checkFinite = checkFinite;
    this.#pipelines = new PipelineCache(device);
    this.#readback = new Readback(device);
    device.lost.then(({ reason, message }) => {
      this.#fault ??= new DeviceError(`the GPU device was lost (${reason}): ${message || "no reason given"}`);
    });
    device.addEventListener("uncapturederror", this.#onError);
  }

  /** GPU errors that no compile or read is waiting for surface at the next call instead of vanishing in the console. */
  readonly #onError = (event: GPUUncapturedErrorEvent): void => {
    event.preventDefault();
    this.#fault ??= new DeviceError(`the GPU reported an error: ${event.error.message}`);
  };

  /**
   * Turns a description into a program: passes, pipelines, buffers, bind groups. Programs may share variables, and equal
   * kernels are compiled once.
   *
   * @param description `outputs`, values that can be read after a run, and `updates`, variables with their next values.
   * @param options `checkFinite` watches for NaN and infinity, default that of the engine; `tune` measures first which kernel variants
   * are fastest here and remembers it, default false; `simplify` and `fuse` may be turned off.
   * @throws ShapeError, DTypeError or FeedError for updates or inputs that do not fit.
   * @throws LimitError when a tensor is larger than the adapter allows, or is f16 and the adapter has none.
   * @throws DeviceError when a kernel does not compile, with its label.
   */
  async compile<O extends Readonly<Record<string, Tensor>>>(
    description: { readonly outputs?: O; readonly updates?: readonly Update[] },
    { tune = false, ...options }: CompileOptions & TuneOptions = {},
  ): Promise<Program<O>> {
    this.check();
    const { checkFinite = this.#checkFinite, ...passes } = options;
    if (tune) {
      const { tune: measure } = await import("../tune/index.ts");
      const calls = (tuned: ReadonlyMap<string, string>) =>
        compile(description as Description, { ...this.traits, tuned }, this.#homes, { ...passes, merge: false }).calls;
      await measure(this.tuning, { device: this.device, pipelines: this.#pipelines, compile: calls }, tune);
    }
    const guarded = checkFinite ? { guard: (await import("../compile/guard.ts")).guard } : {};
    const compiled = compile(description as Description, this.traits, this.#homes, { ...passes, ...guarded });
    this.#checkLimits(compiled);
    const pipelines = compiled.calls.map((call) => this.#pipelines.get(call));
    this.device.pushErrorScope("out-of-memory");
    this.device.pushErrorScope("validation");
    this.#settle(compiled);
    const memories = this.#allocate(compiled);
    const [ready, invalid, exhausted] = await Promise.all([
      settled(Promise.all(pipelines)),
      this.device.popErrorScope(),
      this.device.popErrorScope(),
    ]);
    const refuse = (error: Error): never => {
      for (const buffer of memories.own) buffer.destroy();
      throw error;
    };
    if (exhausted) refuse(new LimitError(`compile: the GPU has no memory left for this program: ${exhausted.message}`));
    if (invalid) refuse(new DeviceError(`compile: ${invalid.message}`));
    if ("error" in ready) return refuse(this.#fault ?? (ready.error as Error));
    this.device.pushErrorScope("validation");
    const program = new Program<O>(this, compiled, ready.value, memories);
    for (const view of Object.values(compiled.outputs))
      this.#readback.prepare(sizeOf(view.shape) * bytesPer(view.dtype));
    const unfit = await this.device.popErrorScope();
    if (unfit) refuse(new DeviceError(`compile: ${unfit.message}`));
    this.#programs.add(program);
    return program;
  }

  /**
   * The value of a variable after everything submitted so far: what was written, or its initial value, while no program uses it.
   * @returns a new typed array, row-major.
   */
  async read(variable: Variable): Promise<TensorData> {
    this.check();
    const home = this.#homes.get(variable);
    if (!home) return (this.#waiting.get(variable) ?? variable.initial).slice();
    const bytes = sizeOf(variable.shape) * bytesPer(variable.dtype);
    return typed(await this.readBytes(this.#arenas.get(home.buffer)!, home.base, bytes), variable.dtype);
  }

  /**
   * Gives a variable a value, from the next run on.
   * @param value a typed array of its dtype, row-major; for a variable of one element (a learning rate) also a number.
   * @throws FeedError when type or size do not fit.
   */
  write(variable: Variable, value: TensorData | number): void {
    this.check();
    const data = typeof value === "number" ? variable.initial.slice(0, 1).fill(value) : value;
    if (data.constructor !== variable.initial.constructor || data.length !== variable.initial.length) {
      throw new FeedError(
        `write: variable "${variable.name}" takes a ${variable.initial.constructor.name} of ${variable.initial.length} ` +
          `(${showShape(variable.shape)}), got a ${data.constructor.name} of ${data.length}`,
      );
    }
    const home = this.#homes.get(variable);
    if (!home) {
      this.#waiting.set(variable, data.slice());
      return;
    }
    const { buffer, base } = home;
    const bytes = inMemory(data, variable.dtype) as GPUAllowSharedBufferSource;
    this.device.queue.writeBuffer(this.#arenas.get(buffer)!, base, bytes);
  }

  /** Bytes of all variables that live on this engine, and of its staging buffers. */
  get bytes(): { readonly variables: number; readonly staging: number } {
    return {
      variables: [...this.#arenas.keys()].reduce((sum, { bytes }) => sum + bytes, 0),
      staging: this.#readback.bytes,
    };
  }

  /** Destroys all programs and buffers, and the device if the engine opened it. Reads under way reject. */
  destroy(): void {
    this.#fault ??= new DeviceError("the engine has been destroyed");
    this.device.removeEventListener("uncapturederror", this.#onError);
    for (const program of [...this.#programs]) program.destroy();
    for (const buffer of this.#arenas.values()) buffer.destroy();
    this.#readback.destroy();
    if (this.#owned) this.device.destroy();
  }

  /** @internal */
  check(): void {
    if (this.#fault) throw this.#fault;
  }

  /** @internal */
  forget(program: { destroy(): void }): void {
    this.#programs.delete(program);
  }

  /** @internal */
  async readBytes(buffer: GPUBuffer, offset: number, bytes: number): Promise<ArrayBuffer> {
    try {
      const data = await this.#readback.read(buffer, offset, bytes);
      this.check();
      return data;
    } catch (error) {
      // A lost device is reported a moment after the reads it cut off.
      await Promise.resolve();
      throw this.#fault ?? error;
    }
  }

  /** @internal */
  bindGroup(call: KernelCall, memories: Memories): GPUBindGroup {
    return this.device.createBindGroup({
      label: call.label,
      layout: this.#pipelines.layout(call),
      entries: call.bindings.map(({ buffer, offset, size }, binding) => ({
        binding,
        resource: { buffer: memories.of(buffer), offset, size },
      })),
    });
  }

  #checkLimits({ calls, slots, homes }: Compiled): void {
    const { maxBinding, maxBuffer } = this.traits;
    const mib = (bytes: number) => `${(bytes / 2 ** 20).toFixed(1)} MiB`;
    for (const { bindings, label } of calls) {
      for (const { size, buffer } of bindings) {
        if (size <= maxBinding) continue;
        throw new LimitError(
          `compile: ${label} binds ${mib(size)} (${buffer.role}); this adapter binds ${mib(maxBinding)} at most`,
        );
      }
    }
    const buffers = [
      ...slots.map(({ bytes, tenants }) => ({ bytes, role: tenants[0]!.role })),
      ...[...homes.values()].map(({ buffer }) => buffer),
    ];
    for (const { bytes, role } of buffers) {
      if (bytes <= maxBuffer) continue;
      throw new LimitError(
        `compile: ${role} takes ${mib(bytes)}; a buffer of this adapter holds ${mib(maxBuffer)} at most`,
      );
    }
  }

  /** Makes the arenas of new homes and fills them with initial values. */
  #settle({ homes }: Compiled): void {
    for (const [variable, home] of homes) {
      if (this.#homes.has(variable)) continue;
      this.#homes.set(variable, home);
      let arena = this.#arenas.get(home.buffer);
      if (!arena) {
        arena = this.#buffer(home.buffer.role, home.buffer.bytes);
        this.#arenas.set(home.buffer, arena);
      }
      const value = inMemory(this.#waiting.get(variable) ?? variable.initial, variable.dtype);
      this.#waiting.delete(variable);
      this.device.queue.writeBuffer(arena, home.base, value as GPUAllowSharedBufferSource);
    }
  }

  #allocate({ slots, slotOf, inputs, calls }: Compiled): Memories {
    const made = new Map<object, GPUBuffer>();
    for (const slot of slots)
      made.set(slot, this.#buffer([...new Set(slot.tenants.map(({ role }) => role))].join(", "), slot.bytes));
    for (const { buffer } of inputs.values()) made.set(buffer, this.#buffer(buffer.role, buffer.bytes));
    for (const { bindings } of calls) {
      for (const { buffer } of bindings) {
        if (buffer.kind !== "constant" || made.has(buffer)) continue;
        const constant = this.#buffer(buffer.role, buffer.bytes);
        this.device.queue.writeBuffer(constant, 0, buffer.data as GPUAllowSharedBufferSource);
        made.set(buffer, constant);
      }
    }
    return {
      own: [...made.values()],
      of: (buffer) => made.get(buffer) ?? this.#arenas.get(buffer) ?? made.get(slotOf.get(buffer)!)!,
    };
  }

  #buffer(label: string, bytes: number): GPUBuffer {
    const flags = usage.storage | usage.copySource | usage.copyTarget;
    return this.device.createBuffer({ label: label.slice(0, 200), size: Math.max(16, bytes), usage: flags });
  }
}

/** A promise's outcome without throwing, so that others awaited beside it are not left behind. */
const settled = <T>(promise: Promise<T>): Promise<{ value: T } | { error: unknown }> =>
  promise.then(
    (value) => ({ value }),
    (error: unknown) => ({ error }),
  );
