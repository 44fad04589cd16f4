import type { Home } from "../compile/homes.ts";
import { DeviceError, FeedError, LimitError } from "../errors.ts";
import { type DeviceOptions, type OpenDevice, openDevice } from "../gpu/device.ts";
import { usage } from "../gpu/flags.ts";
import { PipelineCache } from "../gpu/pipelines.ts";
import { type Place, Readback } from "../gpu/readback.ts";
import { Throttle } from "../gpu/throttle.ts";
import { inMemory } from "../graph/half.ts";
import type { AdapterTraits, KernelCall, VirtualBuffer } from "../graph/op.ts";
import { bytesPer, type DType, showShape, sizeOf } from "../graph/shape.ts";
import type { TensorData, Variable } from "../graph/tensor.ts";
import { typed } from "./output.ts";
import { type Memories, Program, type Recorded } from "./program.ts";

/**
 * A GPU device with what tilegrad keeps on it: compiled kernels, the values of variables, programs. It runs what was compiled
 * elsewhere; an Engine compiles, too.
 */
export class Runner {
  readonly device: GPUDevice;
  /** Name of the adapter, as far as it is told. */
  readonly adapter: string;
  /** What kernels are chosen by. */
  readonly traits: AdapterTraits;
  /** @internal */
  readonly throttle: Throttle;
  /** @internal Variables that have a place on the GPU. */
  protected readonly homes = new Map<Variable, Home>();
  /** @internal */
  protected readonly pipelines: PipelineCache;
  readonly #owned: boolean;
  readonly #readback: Readback;
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
  static async create(options: DeviceOptions = {}): Promise<Runner> {
    return new Runner(await openDevice(options));
  }

  /** @internal */
  protected constructor({ device, traits, name, owned }: OpenDevice) {
    this.device = device;
    this.adapter = name;
    this.traits = traits;
    this.throttle = new Throttle(device.queue);
    this.pipelines = new PipelineCache(device);
    this.#owned = owned;
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

  /** @internal Gives a compiled program pipelines, buffers and bind groups. */
  async realize<O extends Readonly<Record<string, unknown>>>(compiled: Recorded): Promise<Program<O>> {
    this.#checkLimits(compiled);
    const pipelines = compiled.calls.map((call) => this.pipelines.get(call));
    this.device.pushErrorScope("out-of-memory");
    this.device.pushErrorScope("validation");
    this.#settle(compiled);
    const memories = this.#allocate(compiled);
    const [[ready], invalid, exhausted] = await Promise.all([
      Promise.allSettled([Promise.all(pipelines)]),
      this.device.popErrorScope(),
      this.device.popErrorScope(),
    ]);
    const refuse = (error: Error): never => {
      for (const buffer of memories.own) buffer.destroy();
      throw error;
    };
    if (exhausted) refuse(new LimitError(`compile: the GPU has no memory left for this program: ${exhausted.message}`));
    if (invalid) refuse(new DeviceError(`compile: ${invalid.message}`));
    if (ready.status === "rejected") return refuse(this.#fault ?? ready.reason);
    this.device.pushErrorScope("validation");
    const program = new Program<O>(this, compiled, ready.value, memories);
    for (const view of Object.values(compiled.outputs))
      this.#readback.prepare([{ bytes: sizeOf(view.shape) * bytesPer(view.dtype) }]);
    const unfit = await this.device.popErrorScope();
    if (unfit) refuse(new DeviceError(`compile: ${unfit.message}`));
    this.#programs.add(program);
    return program;
  }

  /**
   * The value of a variable after everything submitted so far: what was written, or its initial value, while no program uses it.
   * @returns a new typed array, row-major.
   */
  async read<D extends DType>(variable: Variable<D>): Promise<TensorData<D>> {
    this.check();
    const home = this.homes.get(variable);
    if (!home) return (this.#waiting.get(variable) ?? variable.initial).slice() as TensorData<D>;
    const bytes = sizeOf(variable.shape) * bytesPer(variable.dtype);
    const [data] = await this.readBytes([{ buffer: this.#arenas.get(home.buffer)!, offset: home.base, bytes }]);
    return typed(data!, variable.dtype);
  }

  /**
   * Gives a variable a value, from the next run on.
   * @param value a typed array of its dtype, row-major; for a variable of one element (a learning rate) also a number.
   * @throws FeedError when type or size do not fit.
   */
  write<D extends DType>(variable: Variable<D>, value: TensorData<D> | number): void {
    this.check();
    const data = typeof value === "number" ? variable.initial.slice(0, 1).fill(value) : value;
    if (data.constructor !== variable.initial.constructor || data.length !== variable.initial.length) {
      throw new FeedError(
        `write: variable "${variable.name}" takes a ${variable.initial.constructor.name} of ${variable.initial.length} ` +
          `(${showShape(variable.shape)}), got a ${data.constructor.name} of ${data.length}`,
      );
    }
    const home = this.homes.get(variable);
    if (!home) {
      this.#waiting.set(variable, data.slice());
      return;
    }
    const { buffer, base } = home;
    const bytes = inMemory(data, variable.dtype) as GPUAllowSharedBufferSource;
    this.device.queue.writeBuffer(this.#arenas.get(buffer)!, base, bytes);
  }

  /** Bytes of all variables that live here, and of the staging buffers. */
  get bytes(): { readonly variables: number; readonly staging: number } {
    return {
      variables: [...this.#arenas.keys()].reduce((sum, { bytes }) => sum + bytes, 0),
      staging: this.#readback.bytes,
    };
  }

  /** Destroys all programs and buffers, and the device if it was opened here. Reads under way reject. */
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

  /** @internal The bytes of several places, after the commands of `encoder`. */
  async readBytes(places: readonly Place[], encoder?: GPUCommandEncoder): Promise<ArrayBuffer[]> {
    try {
      const data = await this.#readback.read(places, encoder);
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
      layout: this.pipelines.layout(call),
      entries: call.bindings.map(({ buffer, offset, size }, binding) => ({
        binding,
        resource: { buffer: memories.of(buffer), offset, size },
      })),
    });
  }

  #checkLimits({ calls, slots, homes }: Recorded): void {
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
  #settle({ homes }: Recorded): void {
    for (const [variable, home] of homes) {
      if (this.homes.has(variable)) continue;
      this.homes.set(variable, home);
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

  #allocate({ slots, slotOf, inputs, calls }: Recorded): Memories {
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
