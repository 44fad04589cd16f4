import type { Drawing } from "../data/draw.ts";
import type { DType, Shape } from "../graph/shape.ts";
import type { Bounds } from "../graph/tensor.ts";
import type { PrintedCall, VirtualBuffer } from "../kernels/call.ts";
import type { AdapterTraits } from "../kernels/traits.ts";

/*
 * Exported programs are the output of `compile` as JSON, with numbers in place of references. The file grows with the
 * model only by values that cannot be drawn again or filled with one number.
 */

/** Identifies the file format. Raised when older versions of tilegrad cannot run the file. */
export const format = "tilegrad programs 1";

/** What an adapter must offer to run a target's programs, and whether the target is a CPU adapter. */
export type Needs = Pick<
  AdapterTraits,
  "cpu" | "maxStorageBuffers" | "maxInvocations" | "maxWorkgroupBytes" | "maxWorkgroups"
> & { readonly features: readonly string[] };

/** A variable's first value: one number repeated, numbers to draw again, or bytes in base64. */
export type Initial = { readonly fill: number } | { readonly drawing: Drawing } | { readonly bytes: string };

export interface ExportedVariable {
  readonly name: string;
  readonly group: string;
  readonly shape: Shape;
  readonly dtype: DType;
  readonly initial: Initial;
  /** Number of its arena and its byte offset there; absent where no program uses it. */
  readonly home?: readonly [arena: number, base: number];
}

/** A call with the number of its kernel, and `[buffer, offset, size, written]` per binding. */
export type ExportedCall = Omit<
  PrintedCall,
  "wgsl" | "bindings" | "choices" | "source" | "features" | "elements" | "annotated"
> & {
  readonly kernel: number;
  readonly bindings: readonly (readonly [buffer: number, offset: number, size: number, written: 0 | 1])[];
};

interface Placed {
  readonly shape: Shape;
  readonly dtype: DType;
  readonly buffer: number;
}

export interface ExportedProgram {
  /** Buffers are numbered after the arenas. */
  readonly buffers: readonly (Pick<VirtualBuffer, "kind" | "role" | "bytes" | "pinned"> & { readonly data?: string })[];
  readonly calls: readonly ExportedCall[];
  readonly inputs: Readonly<Record<string, Placed>>;
  readonly outputs: Readonly<Record<string, Placed & { readonly base: number }>>;
  readonly bounds: Readonly<Record<string, Bounds & { readonly op: string }>>;
  /** Numbers of the variables it reads or writes. */
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
  /** Variables by their exported names. */
  readonly names: Readonly<Record<string, number>>;
  /** Distinct kernel texts. */
  readonly kernels: readonly string[];
  readonly targets: readonly ExportedTarget[];
}
