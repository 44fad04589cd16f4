import type { Compiled } from "../compile/compile.ts";
import { FeedError, noSuch } from "../errors.ts";
import { inMemory, unpackHalves } from "../graph/half.ts";
import { bytesPer, type DType, sizeOf } from "../graph/shape.ts";
import { arrayOf, type TensorData } from "../graph/tensor.ts";
import type { Binding, View, VirtualBuffer } from "../kernels/call.ts";
import type { Finding } from "../races/findings.ts";
import type { How } from "../races/how.ts";
import { type KernelRun, runKernel } from "../races/kernel.ts";
import { parse } from "../wgsl/parse.ts";

/** A kernel of a program, and what its run came to. */
export interface WatchedKernel extends Omit<KernelRun, "contents" | "traffic"> {
  readonly label: string;
  readonly family: string;
  readonly variant: string;
  readonly wgsl: string;
  /** For each binding, in order: bytes that invocations read and wrote. */
  readonly traffic: readonly (KernelRun["traffic"][string] & { readonly binding: Binding })[];
}

/** What a run of a program came to. */
export interface ProgramRun {
  readonly findings: readonly Finding[];
  /** Results by the names given, as the kernels computed them. */
  readonly outputs: Readonly<Record<string, TensorData>>;
  readonly kernels: readonly WatchedKernel[];
}

/** Runs the kernels of a compiled program, each invocation watched. @param op the caller in errors. */
export function watch(
  op: string,
  compiled: Compiled,
  feeds: Readonly<Record<string, TensorData>>,
  how: How,
): ProgramRun {
  const memory = new Memory(compiled);
  for (const [variable, { buffer, base }] of compiled.homes) {
    variable.checkFirst("make a new one to look for races", "was changed in an engine, or freed");
    memory.write(buffer, base, variable.initial, variable.dtype);
  }
  for (const name of Object.keys(feeds))
    if (!compiled.inputs.has(name)) throw new FeedError(`${op}: ${noSuch("input", name, [...compiled.inputs.keys()])}`);
  for (const [name, { tensor, buffer }] of compiled.inputs) {
    const data = feeds[name];
    if (data?.length !== sizeOf(tensor.shape))
      throw new FeedError(
        `${op}: input "${name}" has ${data ? `${data.length} elements` : "no value"}, expected ${sizeOf(tensor.shape)}`,
      );
    memory.write(buffer, 0, data, tensor.dtype);
  }
  const kernels = compiled.calls.map(({ label, family, variant, wgsl, workgroups, bindings }): WatchedKernel => {
    const names = parse(wgsl).buffers.map(({ name }) => name);
    const buffers = Object.fromEntries(names.map((name, i) => [name, memory.at(bindings[i]!)]));
    const { contents, traffic, ...run } = runKernel(wgsl, { buffers, workgroups, label, ...how });
    bindings.forEach((binding, i) => {
      if (binding.access === "read_write") memory.at(binding).set(contents[names[i]!]!);
    });
    const own = bindings.map((binding, i) => ({ binding, ...traffic[names[i]!]! }));
    return { ...run, label, family, variant, wgsl, traffic: own };
  });
  return {
    findings: kernels.flatMap(({ findings }) => findings),
    outputs: Object.fromEntries(Object.entries(compiled.outputs).map(([name, view]) => [name, memory.read(view)])),
    kernels,
  };
}

/** The memory of a program: that of its slots, and of all other buffers. */
class Memory {
  readonly #slotOf: ReadonlyMap<VirtualBuffer, { readonly bytes: number }>;
  readonly #bytes = new Map<VirtualBuffer | { readonly bytes: number }, Uint8Array<ArrayBuffer>>();

  constructor({ slotOf }: { readonly slotOf: ReadonlyMap<VirtualBuffer, { readonly bytes: number }> }) {
    this.#slotOf = slotOf;
  }

  #of(buffer: VirtualBuffer): Uint8Array<ArrayBuffer> {
    const place = this.#slotOf.get(buffer) ?? buffer;
    const known = this.#bytes.get(place);
    if (known) return known;
    const made = new Uint8Array(Math.ceil(place.bytes / 16) * 16);
    if (buffer.data) made.set(buffer.data);
    this.#bytes.set(place, made);
    return made;
  }

  at({ buffer, offset, size }: Binding): Uint8Array<ArrayBuffer> {
    return this.#of(buffer).subarray(offset, offset + size);
  }

  write(buffer: VirtualBuffer, base: number, data: TensorData, dtype: DType): void {
    const own = inMemory(data, dtype);
    this.#of(buffer).set(new Uint8Array(own.buffer, own.byteOffset, sizeOf([data.length]) * bytesPer(dtype)), base);
  }

  /** The elements of a tensor, row-major. */
  read({ buffer, base, span, dtype, shape, strides, offset }: View): TensorData {
    const bytes = this.#of(buffer).slice(base, base + span).buffer;
    const all = dtype === "f16" ? unpackHalves(new Uint16Array(bytes)) : new arrayOf[dtype](bytes);
    return new arrayOf[dtype](sizeOf(shape)).map((_, i) => {
      let [at, rest] = [offset, i];
      for (let axis = shape.length - 1; axis >= 0; axis--) {
        at += (rest % shape[axis]!) * strides[axis]!;
        rest = Math.floor(rest / shape[axis]!);
      }
      return all[at]!;
    }) as TensorData;
  }
}
