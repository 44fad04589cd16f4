import type { Drawing } from "../data/draw.ts";
import type { AdapterTraits, Bounds, KernelCall, VirtualBuffer } from "../graph/op.ts";
import type { DType, Shape } from "../graph/shape.ts";

/*
 * Exported programs are JSON: what `compile` leaves, with numbers where objects point at each other. Nothing in them is larger
 * for a larger model but values that no drawing and no repeated number tells.
 */

/** What a file of exported programs says of itself. It changes when an older tilegrad could not run it. */
export const format = "tilegrad programs 1";

/** What an adapter must offer to run a target's programs; whether it should be a processor pretending to be a GPU. */
export type Needs = Pick<
  AdapterTraits,
  "cpu" | "maxStorageBuffers" | "maxInvocations" | "maxWorkgroupBytes" | "maxWorkgroups"
> & { readonly features: readonly string[] };

/** The value that a variable starts with: one number repeated, numbers drawn again, or bytes in base64. */
export type Initial = { readonly fill: number } | { readonly drawing: Drawing } | { readonly bytes: string };

export interface ExportedVariable {
  readonly name: string;
  readonly group: string;
  readonly shape: Shape;
  readonly dtype: DType;
  readonly initial: Initial;
  /** Number of its arena and the byte where it begins there; absent where no program uses it. */
  readonly home?: readonly [arena: number, base: number];
}

/** A call with the number of its text, and `[buffer, offset, size, written]` for each binding. */
export type ExportedCall = Omit<KernelCall, "wgsl" | "bindings" | "choices"> & {
  readonly kernel: number;
  readonly bindings: readonly (readonly [buffer: number, offset: number, size: number, written: 0 | 1])[];
};

interface Placed {
  readonly shape: Shape;
  readonly dtype: DType;
  readonly buffer: number;
}

export interface ExportedProgram {
  /** Buffers have the numbers after those of the arenas. */
  readonly buffers: readonly (Pick<VirtualBuffer, "kind" | "role" | "bytes" | "pinned"> & { readonly data?: string })[];
  readonly calls: readonly ExportedCall[];
  readonly inputs: Readonly<Record<string, Placed>>;
  readonly outputs: Readonly<Record<string, Placed & { readonly base: number }>>;
  readonly bounds: Readonly<Record<string, Bounds & { readonly op: string }>>;
  /** Numbers of the variables that it reads or writes. */
  readonly variables: readonly number[];
}

export interface ExportedTarget {
  readonly needs: Needs;
  readonly programs: Readonly<Record<string, ExportedProgram>>;
}

/** Programs by name, for several kinds of adapters, over one set of variables. */
export interface Exported {
  readonly format: typeof format;
  readonly arenas: readonly Pick<VirtualBuffer, "role" | "bytes">[];
  readonly variables: readonly ExportedVariable[];
  /** Variables by the names under which they were exported. */
  readonly names: Readonly<Record<string, number>>;
  /** Texts of kernels, each once. */
  readonly kernels: readonly string[];
  readonly targets: readonly ExportedTarget[];
}
