import { roleOf } from "../compile/homes.ts";
import type { PrintedCall } from "../kernels/call.ts";
import type { KernelTraffic, KnownFeeds } from "../selfcheck/kernelTraffic.ts";
import type { Recorded } from "./recorded.ts";

/** GPU memory of a program in bytes, known before its first run. */
export interface Memory {
  /** Weights, moments, counters: shared with other programs that use the same variables. */
  readonly variables: number;
  readonly inputs: number;
  readonly constants: number;
  /** Activations, gradients and outputs, after memory is shared by lifetime. */
  readonly scratch: number;
  /** Scratch memory if nothing were shared. */
  readonly scratchUnshared: number;
  readonly total: number;
}

/** What `inspect` reports about one dispatch. */
export type KernelInfo = Pick<
  PrintedCall,
  | "label"
  | "layer"
  | "family"
  | "variant"
  | "source"
  | "choices"
  | "wgsl"
  | "workgroups"
  | "invocations"
  | "flops"
  | "bytes"
> & {
  readonly bindings: readonly {
    readonly role: string;
    readonly access: "read" | "read_write";
    readonly offset: number;
    readonly size: number;
  }[];
  /**
   * Counts from the kernel's text what all its invocations ask of memory, as `countTraffic` of tilegrad/selfcheck does.
   * Runs nothing. The counter loads on the first call; copies of this object, such as those for a worker, lack the method.
   * @param feeds values of inputs of whole numbers, where they decide what is loaded: labels and tokens. Without them,
   * counts of what depends on them are not exact, as `isExact` says.
   * @returns for each operand bytes read, written, shared by workgroups, and the least possible; workgroup memory,
   * invocations, and operations per byte.
   * @throws FeedError for feeds of inputs that there are not; otherwise as `countTraffic`.
   */
  traffic(feeds?: KnownFeeds): Promise<KernelTraffic>;
};

/** What `inspect` reports about one planned buffer. */
export interface BufferInfo {
  readonly role: string;
  readonly bytes: number;
  /** Indices of the first and last kernel that use it; null where it outlives the run. */
  readonly first: number;
  readonly last: number | null;
  /** Number of the memory slot that it shares with others. */
  readonly slot: number;
}

/** What a program consists of, as text and numbers. */
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
  /**
   * Resolution of the clock in milliseconds: readings are multiples of it. An `ms` of a few such steps means little.
   */
  readonly resolutionMs: number;
}

/** What a compiled program holds, in plain words and numbers. */
export function inspectionOf(compiled: Recorded): Inspection {
  const { calls, stages, lifetimes, slots, slotOf } = compiled;
  return {
    graph: { built: stages.built(), simplified: stages.simplified(), fused: stages.fused() },
    kernels: calls.map((call) => kernelInfo(call, compiled)),
    buffers: lifetimes.map(({ buffer, first, last }) => ({
      role: buffer.role,
      bytes: buffer.bytes,
      first,
      last: Number.isFinite(last) ? last : null,
      slot: slots.indexOf(slotOf.get(buffer)!),
    })),
    memory: memoryOf(compiled),
  };
}

function kernelInfo(call: PrintedCall, compiled: Recorded): KernelInfo {
  const { bindings, parts, features, elements, annotated, written, ...rest } = call;
  const info = {
    ...rest,
    wgsl: annotated?.() ?? call.wgsl,
    bindings: bindings.map((binding) => {
      const { access, offset, size } = binding;
      return { role: roleOf(binding, compiled.homes), access, offset, size };
    }),
  };
  const traffic: KernelInfo["traffic"] = async (feeds) =>
    (await import("../selfcheck/kernelTraffic.ts")).trafficOf(call, compiled, feeds);
  // Not enumerable, so that the rest can be cloned, for a worker for example.
  return Object.defineProperty(info, "traffic", { value: traffic }) as typeof info & Pick<KernelInfo, "traffic">;
}

/** Memory of a compiled program in bytes, before anything is allocated. */
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
