import type { Backend } from "../backend.ts";
import { roleOf } from "../compile/homes.ts";
import { DeviceError, FeedError, LimitError, optionsOf, refuse, StateError, type TilegradError } from "../errors.ts";
import { type DeviceOptions, deviceOptions, type OpenDevice, openDevice, wasmName } from "../gpu/device.ts";
import { usage } from "../gpu/flags.ts";
import { LiveDevice } from "../gpu/live.ts";
import { inScopes, scoped } from "../gpu/scopes.ts";
import { misfit } from "../graph/host.ts";
import { bytesPer, checkValue, type DType, sizeOf } from "../graph/shape.ts";
import { arrayOf, checkVariable, type Spec, type TensorData, type Variable } from "../graph/tensor.ts";
import type { PrintedCall, VirtualBuffer } from "../kernels/call.ts";
import type { AdapterTraits } from "../kernels/traits.ts";
import { showLayer } from "../layer.ts";
import { type Fed, wordsOf } from "./feeds.ts";
import type { Keeper } from "./keeper.ts";
import { typed } from "./output.ts";
import { Program } from "./program.ts";
import type { Memories, Recorded } from "./recorded.ts";
import { listOf, Residence, type Variables } from "./residence.ts";

/** Bytes from which a write may run the GPU out of memory. Smaller writes cost less than an error scope. */
const largeWrite = 2 ** 16;

/**
 * A GPU device and what tilegrad keeps on it: compiled kernels, the values of variables, programs. It runs what was
 * compiled elsewhere; an Engine also compiles.
 */
export class Runner {
  /**
   * @internal The device in use. A recovery puts the next one here.
   */
  live: LiveDevice;
  /**
   * @internal Where variables live on the GPU.
   */
  readonly residence: Residence;
  /**
   * @internal Programs, and the clean-up of each when it is destroyed.
   */
  readonly programs = new Map<Program, () => void>();
  /**
   * @internal Why this runner cannot be used: it is destroyed, or a recovery waits for the app to take note.
   */
  fault: DeviceError | undefined;
  /**
   * @internal Present where a lost device is replaced.
   */
  keeper: Keeper | undefined;
  /** An error from a write, for the next call to throw. */
  #unreported: TilegradError | undefined;

  /**
   * Opens a GPU; without one in hardware, the CPU computes with WebAssembly: see `backend` of the options.
   * @param options the app's own `device`, or where to get one; default `navigator.gpu`.
   * @throws DeviceError when there is none of what the options ask for; the message says what to do.
   */
  static async create(options: DeviceOptions = {}): Promise<Runner> {
    return new Runner(await openDevice(optionsOf("Runner.create", options, deviceOptions)));
  }

  /** @internal */
  protected constructor(open: OpenDevice) {
    this.live = new LiveDevice(open);
    this.residence = new Residence(this);
  }

  /** The device that programs run on. After a recovery, the new one. */
  get device(): GPUDevice {
    return this.live.device;
  }

  /** Name of the adapter, as far as it is known. */
  get adapter(): string {
    return this.live.open.name;
  }

  /** What computes: "webgpu", or "wasm", WebAssembly on the CPU. */
  get backend(): Backend {
    return this.adapter === wasmName ? "wasm" : "webgpu";
  }

  /**
   * Why it computes there, in a few words: "a hardware adapter", "no WebGPU in this browser", "only a software adapter
   * (google swiftshader)", "asked for by backend". Of a `gpu` from `createGPU`, why that was taken.
   */
  get backendReason(): string {
    return this.live.open.reason;
  }

  /** What the choice of kernels depends on. */
  get traits(): AdapterTraits {
    return this.live.open.traits;
  }

  /**
   * Resolves when the device is lost, with the reason: `engine.device.lost`. After a recovery (see `recover` of
   * tilegrad/recover), ask again for that of the new device.
   */
  get lost(): Promise<GPUDeviceLostInfo> {
    return this.device.lost;
  }

  /**
   * @internal Creates pipelines, buffers and bind groups for a compiled program.
   * @param known a program that exists already, to be moved to the present device.
   */
  realize<O extends Readonly<Record<string, unknown>>>(compiled: Recorded, known?: Program<O>): Promise<Program<O>> {
    const { live } = this;
    return live.until(this.#realize<O>(compiled, live, known));
  }

  async #realize<O extends Readonly<Record<string, unknown>>>(
    compiled: Recorded,
    live: LiveDevice,
    known?: Program<O>,
  ): Promise<Program<O>> {
    if (!known) this.check();
    this.#checkLimits(compiled);
    this.residence.check(compiled.homes.keys());
    const held = live.pipelines.hold(compiled.calls);
    const pipelines = Promise.allSettled([Promise.all(held.pipelines)]);
    const { value: memories, error } = inScopes(live.device, "compile", () => {
      this.residence.settle(compiled.homes, compiled, nameOf(compiled));
      return this.#allocate(compiled);
    });
    const outputs = Object.values(compiled.outputs).map((output) => [{ bytes: bytesOf(output) }]);
    let program: Program<O>;
    try {
      const refusal = await error;
      if (refusal) throw refusal;
      const [ready] = await pipelines;
      if (ready.status === "rejected") throw ready.reason;
      live.check();
      program = await scoped(live.device, "compile", () => {
        known?.attach(compiled, ready.value, memories);
        return known ?? new Program<O>(this, compiled, ready.value, memories);
      });
      await Promise.all(outputs.map((output) => live.readback.prepare(output)));
      live.check();
      if (known && !this.programs.has(known as Program)) throw new DeviceError("the program has been destroyed");
    } catch (error) {
      for (const buffer of memories.own) buffer.destroy();
      held.letGo();
      this.residence.undo(compiled);
      throw error;
    }
    this.residence.settled(compiled);
    this.programs.set(program as Program, () => {
      held.letGo();
      this.residence.leave(compiled);
      for (const output of outputs) live.readback.letGo(output);
    });
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
    const { live } = this;
    const [data] = await scoped(live.device, `read of "${variable.name}"`, () => live.readBytes([place]));
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
   * Where a variable is on the GPU, for the app's own commands on the same device. The place is valid until the
   * variable is freed or the engine destroyed, and always holds the latest value. `Output.buffer` says what you may do
   * with it; to change the value, use `write`.
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
      staging: this.live.readback.bytes,
    };
  }

  /** Destroys all programs and buffers, and the device if this runner opened it. Pending reads reject. */
  destroy(): void {
    this.fault = new DeviceError("the engine has been destroyed");
    this.keeper?.ended();
    for (const program of [...this.programs.keys()]) program.destroy();
    this.residence.destroy();
    this.live.close(this.fault);
  }

  /** @internal */
  check(): void {
    const failure = this.fault ?? this.live.fault ?? this.#unreported;
    this.#unreported = undefined;
    if (failure) throw failure;
  }

  /** @internal */
  forget(program: Program): void {
    this.programs.get(program)?.();
    this.programs.delete(program);
  }

  /** @internal */
  bindGroup(call: PrintedCall, placeOf: (buffer: VirtualBuffer) => Fed): GPUBindGroup {
    return this.device.createBindGroup({
      label: call.label + showLayer(call.layer),
      layout: this.live.pipelines.layout(call),
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
      made.set(slot, this.makeBuffer([...new Set(slot.tenants.map(({ role }) => role))].join(", "), slot.bytes));
    for (const { buffer } of inputs.values()) made.set(buffer, this.makeBuffer(buffer.role, buffer.bytes));
    for (const { bindings } of calls) {
      for (const { buffer } of bindings) {
        if (buffer.kind !== "constant" || made.has(buffer)) continue;
        const constant = this.makeBuffer(buffer.role, buffer.bytes);
        this.device.queue.writeBuffer(constant, 0, buffer.data as GPUAllowSharedBufferSource);
        made.set(buffer, constant);
      }
    }
    return {
      own: [...made.values()],
      of: (buffer) => made.get(buffer) ?? this.residence.arenas.get(buffer) ?? made.get(slotOf.get(buffer)!)!,
    };
  }

  /** @internal */
  makeBuffer(label: string, bytes: number): GPUBuffer {
    const flags = usage.storage | usage.copySource | usage.copyTarget;
    return this.device.createBuffer({ label: label.slice(0, 200), size: Math.max(16, bytes), usage: flags });
  }
}

/** Bytes of a tensor without padding. */
const bytesOf = ({ shape, dtype }: Spec): number => sizeOf(shape) * bytesPer(dtype);

/** What errors call a program. */
export function nameOf({ outputs }: Recorded): string {
  const names = Object.keys(outputs).map((name) => `"${name}"`);
  return names.length > 0 ? `the program with the outputs ${names.join(", ")}` : "a program without outputs";
}
