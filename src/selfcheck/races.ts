import { compile, type Description, described } from "../compile/compile.ts";
import { FeedError, noSuch, optionsOf } from "../errors.ts";
import { inMemory, unpackHalves } from "../graph/half.ts";
import { bytesPer, type DType, sizeOf } from "../graph/shape.ts";
import { arrayOf, type TensorData } from "../graph/tensor.ts";
import type { Binding, View, VirtualBuffer } from "../kernels/call.ts";
import { type AdapterTraits, guaranteed } from "../kernels/traits.ts";
import { checkHow, type Finding, type How, type KernelRun } from "../races/index.ts";
import { runKernel } from "../races/kernel.ts";
import { firstOf } from "../reference/evaluate.ts";
import { parse } from "../wgsl/parse.ts";

/** For which adapter a program is compiled, and how its kernels run. */
export interface ProgramOptions extends Partial<How> {
  /** Traits of the adapter, such as `engine.traits`. Those left out default to what WebGPU guarantees. */
  readonly traits?: Partial<AdapterTraits>;
}

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

/**
 * Compiles a program and runs its kernels as `findRaces` does, over the memory that the compiler planned: for graphs with
 * a `customOp`, whose kernel it surrounds. Variables have their first values.
 * @param feeds a typed array for each input, row-major.
 * @throws FeedError for missing, unknown or unfit feeds, StateError for a variable that an engine has changed; otherwise
 * as `findRaces` and `engine.compile`.
 *
 * @example
 * const { findings } = findRacesIn({ outputs: { y: myOp(input("x", [5, 7])) } }, { x: new Float32Array(35) });
 */
export function findRacesIn(
  description: Description,
  feeds: Readonly<Record<string, TensorData>> = {},
  options: ProgramOptions = {},
): ProgramRun {
  const op = "findRacesIn";
  const { traits, ...how } = optionsOf<ProgramOptions, { [K in keyof Required<ProgramOptions>]: ProgramOptions[K] }>(
    op,
    options,
    { traits: {}, subgroupSize: undefined, order: undefined, outside: undefined, maxSteps: undefined },
  );
  const adapter = { ...guaranteed, ...traits };
  const checked = checkHow(op, { ...how, subgroupSize: how.subgroupSize ?? adapter.subgroupSize });
  const compiled = compile(described(description), adapter);
  const memory = new Memory(compiled);
  for (const [variable, { buffer, base }] of compiled.homes)
    memory.write(buffer, base, firstOf(variable), variable.dtype);
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
    const { contents, traffic, ...run } = runKernel(wgsl, { buffers, workgroups, label, ...checked });
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
