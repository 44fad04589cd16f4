import { roleOf } from "../compile/homes.ts";
import { DeviceError, FeedError, LimitError, optionsOf, refuse, StateError, TilegradError } from "../errors.ts";
import { type DeviceOptions, deviceOptions, type OpenDevice, openDevice } from "../gpu/device.ts";
import { usage } from "../gpu/flags.ts";
import { PipelineCache } from "../gpu/pipelines.ts";
import { type Place, Readback } from "../gpu/readback.ts";
import { inScopes, scoped } from "../gpu/scopes.ts";
import { Throttle } from "../gpu/throttle.ts";
import { misfit } from "../graph/host.ts";
import { bytesPer, checkValue, type DType, sizeOf } from "../graph/shape.ts";
import { arrayOf, checkVariable, type Spec, type TensorData, type Variable } from "../graph/tensor.ts";
import type { PrintedCall, VirtualBuffer } from "../kernels/call.ts";
import type { AdapterTraits } from "../kernels/traits.ts";
import { showLayer } from "../layer.ts";
import { type Fed, wordsOf } from "./feeds.ts";
import { typed } from "./output.ts";
import { type Memories, Program, type Recorded } from "./program.ts";
import { listOf, Residence, type Variables } from "./residence.ts";

/** Milliseconds to wait for the report of a lost device after an error it may have caused. */
const newsMs = 500;

/** Bytes from which a write may run the GPU out of memory. Smaller writes cost less than an error scope. */
const largeWrite = 2 ** 16;

/**
 * A GPU device and what tilegrad keeps on it: compiled kernels, the values of variables, programs. It runs what was
 * compiled elsewhere; an Engine also compiles.
 */
export class Runner {
  readonly device: GPUDevice;
  /** Name of the adapter, as far as it is known. */
  readonly adapter: string;
  /** What the choice of kernels depends on. */
  readonly traits: AdapterTraits;
  /** @internal */
  readonly throttle: Throttle;
  /**
   * @internal Where variables live on the GPU.
   */
  protected readonly residence: Residence;
  /** @internal */
  protected readonly pipelines: PipelineCache;
  readonly #owned: boolean;
  readonly #readback: Readback;
  /** Programs, and the clean-up of each when it is destroyed. */
  readonly #programs = new Map<{ destroy(): void }, () => void>();
  /** Why this runner can no longer be used. */
  #fault: DeviceError | undefined;
  /** An error from a write, for the next call to throw. */
  #unreported: TilegradError | undefined;
  /** Called when the GPU is lost or destroyed. */
  readonly #waits = new Set<(fault: DeviceError) => void>();
  #errors = 0;

  /**
   * Opens a GPU.
   * @param options the app's own `device`, or where to get one; default `navigator.gpu`.
   * @throws DeviceError when there is no WebGPU or no adapter; the message says what to do.
   */
  static async create(options: DeviceOptions = {}): Promise<Runner> {
    return new Runner(await openDevice(optionsOf("Runner.create", options, deviceOptions)));
  }

  /** @internal */
  protected constructor({ device, traits, name, owned }: OpenDevice) {
    this.device = device;
    this.adapter = name;
    this.traits = traits;
    this.throttle = new Throttle(device.queue);
    this.pipelines = new PipelineCache(device);
    this.residence = new Residence(device.queue, (label, bytes) => this.#buffer(label, bytes));
    this.#owned = owned;
    this.#readback = new Readback(device);
    device.lost.then(({ reason, message }) => {
      this.#end(`the GPU device was lost (${reason}): ${message || "no reason given"}`);
    });
    device.addEventListener("uncapturederror", this.#onError);
  }

  /** Uncaught errors stay the app's, in its console; programs only check whether they caused them. */
  readonly #onError = (): void => {
    this.#errors++;
  };

  /**
   * @internal Number of device errors that nobody has caught.
   */
  get errors(): number {
    return this.#errors;
  }

  #end(message: string): void {
    this.#fault ??= new DeviceError(message);
    for (const tell of this.#waits) tell(this.#fault);
  }

  /**
   * @internal Awaits something from the GPU. Rejects at once when the device is lost or the engine destroyed in the
   * meantime.
   */
  async until<T>(awaited: Promise<T>): Promise<T> {
    let tell: (fault: DeviceError) => void = () => {};
    const end = new Promise<never>((_, reject) => {
      tell = reject;
      this.#waits.add(tell);
    });
    try {
      return await Promise.race([awaited, end]);
    } catch (error) {
      throw await this.#causeOf(error);
    } finally {
      this.#waits.delete(tell);
    }
  }

  /** Calls cut off by a lost device fail before the loss is reported, so wait for that report. */
  async #causeOf(error: unknown): Promise<unknown> {
    const cutOff = error instanceof TilegradError ? error.cause : error;
    if (this.#fault || !cutOff || (cutOff as GPUPipelineError).reason === "validation") return this.#fault ?? error;
    await new Promise<unknown>((resolve) => {
      this.#waits.add(resolve);
      setTimeout(() => resolve(this.#waits.delete(resolve)), newsMs);
    });
    if (this.#fault) return this.#fault;
    return error instanceof TilegradError ? error : new DeviceError((error as Error).message, { cause: error });
  }

  /**
   * @internal Creates pipelines, buffers and bind groups for a compiled program.
   */
  realize<O extends Readonly<Record<string, unknown>>>(compiled: Recorded): Promise<Program<O>> {
    return this.until(this.#realize<O>(compiled));
  }

  async #realize<O extends Readonly<Record<string, unknown>>>(compiled: Recorded): Promise<Program<O>> {
    this.check();
    this.#checkLimits(compiled);
    this.residence.check(compiled.homes.keys());
    const held = this.pipelines.hold(compiled.calls);
    const pipelines = Promise.allSettled([Promise.all(held.pipelines)]);
    const { value: memories, error } = inScopes(this.device, "compile", () => {
      this.residence.settle(compiled.homes, compiled, nameOf(compiled));
      return this.#allocate(compiled);
    });
    let program: Program<O>;
    try {
      const refusal = await error;
      if (refusal) throw refusal;
      const [ready] = await pipelines;
      if (ready.status === "rejected") throw ready.reason;
      this.check();
      program = await scoped(this.device, "compile", () => new Program<O>(this, compiled, ready.value, memories));
      this.check();
    } catch (error) {
      for (const buffer of memories.own) buffer.destroy();
      held.letGo();
      this.residence.undo(compiled);
      throw error;
    }
    this.residence.settled(compiled);
    const outputs = Object.values(compiled.outputs).map((output) => [{ bytes: bytesOf(output) }]);
    this.#programs.set(program, () => {
      held.letGo();
      this.residence.leave(compiled);
      for (const output of outputs) this.#readback.letGo(output);
    });
    await Promise.all(outputs.map((output) => this.#readback.prepare(output)));
    return program;
  }

  /**
   * The value of a variable after everything submitted so far. While no program uses it: the value written, or its
   * first value.
   * @returns a new typed array, row-major.
   * @throws StateError when the variable has no value here because another engine changed it; see `copyFrom`.
   */
  async read<D extends DType>(variable: Variable<D>): Promise<TensorData<D>> {
    this.check();
    checkVariable("read", "what to read", variable);
    const place = this.residence.placeOf(variable);
    if (!place) return this.residence.hostValue(variable) as TensorData<D>;
    const [data] = await scoped(this.device, `read of "${variable.name}"`, () => this.readBytes([place]));
    return typed(data!, variable.dtype);
  }

  /**
   * Sets the value of a variable, from the next run on.
   * @param value a typed array of its dtype, row-major; or one number for all elements.
   * @throws FeedError when type or size do not fit.
   */
  write<D extends DType>(variable: Variable<D>, value: TensorData<D> | number): void {
    this.check();
    checkVariable("write", "what to write to", variable);
    if (typeof value === "number") checkValue("write", `variable "${variable.name}"`, value, variable.dtype);
    const { dtype, shape } = variable;
    const data = typeof value === "number" ? new arrayOf[dtype as DType](sizeOf(shape)).fill(value) : value;
    const fault = misfit(data, variable);
    if (fault) throw new FeedError(`write: the value of variable "${variable.name}" ${fault}`);
    if (bytesOf(variable) < largeWrite) {
      this.residence.write(variable, data);
      return;
    }
    const { error } = inScopes(this.device, `write of "${variable.name}"`, () => this.residence.write(variable, data));
    void error.then((failure) => {
      this.#unreported ??= failure;
    });
  }

  /**
   * Where a variable is on the GPU, for the app's own commands on the same device. The place is valid until the variable
   * is freed or the engine destroyed, and always holds the latest value. `Output.buffer` says what you may do with it; to
   * change the value, use `write`.
   * @returns as `Output.buffer`.
   * @throws StateError before a program that uses the variable is compiled.
   * @throws DeviceError when the engine is destroyed or its device lost.
   */
  buffer(variable: Variable): Required<GPUBufferBinding> {
    this.check();
    checkVariable("buffer", "the argument", variable);
    const place = this.residence.placeOf(variable);
    if (place) return { buffer: place.buffer, offset: place.offset, size: wordsOf(variable) };
    throw new StateError(
      `buffer: variable "${variable.name}" is not on this GPU: compile a program that uses it first`,
    );
  }

  /**
   * Copies the values of variables from another engine, which keeps its own. An engine starts a variable from its first
   * value only while no engine has changed it. So copy a model that was trained elsewhere before you compile or read it
   * here.
   * @param other an engine that still exists; after that, load the values from a file.
   * @param things a model, variables, an optimizer's `state(…)`.
   * @throws DeviceError when either engine is destroyed or its device lost.
   */
  async copyFrom(other: Runner, ...things: readonly Variables[]): Promise<void> {
    if (!(other instanceof Runner)) refuse("copyFrom", "the first argument", other, "an engine");
    for (const variable of listOf("copyFrom", things)) this.write(variable, await other.read(variable));
  }

  /**
   * Frees the GPU memory of variables. With a model's parameters goes what only served them: an optimizer's moments and
   * counts, random keys. Destroy programs that use them first. A freed variable that had changed has no value until you
   * write one.
   * @param things a model, variables, an optimizer's `state(…)`.
   * @throws StateError when a program uses one of them; the message names that program's outputs, and nothing has been
   * freed.
   */
  free(...things: readonly Variables[]): void {
    this.check();
    this.residence.free(listOf("free", things));
  }

  /** Bytes of all variables that live here, and of the staging buffers. */
  get bytes(): { readonly variables: number; readonly staging: number } {
    return {
      variables: this.residence.bytes,
      staging: this.#readback.bytes,
    };
  }

  /** Destroys all programs and buffers, and the device if this runner opened it. Pending reads reject. */
  destroy(): void {
    this.#end("the engine has been destroyed");
    this.device.removeEventListener("uncapturederror", this.#onError);
    for (const program of [...this.#programs.keys()]) program.destroy();
    this.residence.destroy();
    this.#readback.destroy();
    if (this.#owned) this.device.destroy();
  }

  /** @internal */
  check(): void {
    const failure = this.#fault ?? this.#unreported;
    this.#unreported = undefined;
    if (failure) throw failure;
  }

  /** @internal */
  forget(program: { destroy(): void }): void {
    this.#programs.get(program)?.();
    this.#programs.delete(program);
  }

  /**
   * @internal The bytes of several places, read after the commands of `encoder`.
   */
  async readBytes(places: readonly Place[], encoder?: GPUCommandEncoder): Promise<ArrayBuffer[]> {
    try {
      const data = await this.#readback.read(places, encoder);
      if (this.#fault) throw this.#fault;
      return data;
    } catch (error) {
      throw await this.#causeOf(error);
    }
  }

  /** @internal */
  bindGroup(call: PrintedCall, placeOf: (buffer: VirtualBuffer) => Fed): GPUBindGroup {
    return this.device.createBindGroup({
      label: call.label + showLayer(call.layer),
      layout: this.pipelines.layout(call),
      entries: call.bindings.map(({ buffer: virtual, offset: start, size }, binding) => {
        const { buffer, offset } = placeOf(virtual);
        return { binding, resource: { buffer, offset: offset + start, size } };
      }),
    });
  }

  #checkLimits({ calls, slots, homes }: Recorded): void {
    const { maxBinding, maxBuffer, maxWorkgroups } = this.traits;
    const mib = (bytes: number) => `${(bytes / 2 ** 20).toFixed(1)} MiB`;
    for (const { bindings, label, layer, workgroups } of calls) {
      const most = Math.max(...workgroups);
      if (most > maxWorkgroups) {
        throw new LimitError(
          `compile: ${label}${showLayer(layer)} takes ${most} workgroups along one axis; this adapter runs ${maxWorkgroups} at most`,
        );
      }
      for (const binding of bindings) {
        const { size } = binding;
        if (size <= maxBinding) continue;
        throw new LimitError(
          `compile: ${label}${showLayer(layer)} binds ${mib(size)} (${roleOf(binding, homes)}); this adapter binds ${mib(maxBinding)} at most`,
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
      of: (buffer) => made.get(buffer) ?? this.residence.arena(buffer) ?? made.get(slotOf.get(buffer)!)!,
    };
  }

  #buffer(label: string, bytes: number): GPUBuffer {
    const flags = usage.storage | usage.copySource | usage.copyTarget;
    return this.device.createBuffer({ label: label.slice(0, 200), size: Math.max(16, bytes), usage: flags });
  }
}

/** Bytes of a tensor without padding. */
const bytesOf = ({ shape, dtype }: Spec): number => sizeOf(shape) * bytesPer(dtype);

/** What errors call a program. */
function nameOf({ outputs }: Recorded): string {
  const names = Object.keys(outputs).map((name) => `"${name}"`);
  return names.length > 0 ? `the program with the outputs ${names.join(", ")}` : "a program without outputs";
}
