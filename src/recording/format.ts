import type { DType, Shape } from "../graph/shape.ts";
import type { Choice } from "../kernels/call.ts";

/** What the field `format` of a recording says. */
export const format = "tilegrad.recording";
/** The version of the format that this tilegrad writes and reads. */
export const version = 1;

/**
 * One run of a program, as plain JSON: its graph after each pass, its dispatches with their WGSL, how long they took,
 * its memory, and statistics of its tensors. `program.record` makes it.
 *
 * Things refer to each other by their place in a list: a dispatch by its place in `dispatches`, a tensor in `tensors`,
 * a buffer in `buffers`, a node in its stage of `graph`.
 */
export interface Recording {
  readonly format: typeof format;
  readonly version: typeof version;
  /** When it was made, ISO 8601. */
  readonly date: string;
  readonly adapter: RecordedAdapter;
  /** What the adapter can do at most, if given to `record`. */
  readonly ceilings?: Ceilings;
  /** Outputs by name: the tensor that holds each. */
  readonly outputs: readonly { readonly name: string; readonly tensor: number }[];
  /** Absent in programs compiled ahead of time, which have no graph. */
  readonly graph?: RecordedGraph;
  readonly dispatches: readonly RecordedDispatch[];
  readonly timings: Timings;
  readonly memory: RecordedMemory;
  readonly tensors: readonly RecordedTensor[];
  /** Which steps the statistics of the tensors are of, in their order: the last one is this recording's own. */
  readonly steps: readonly number[];
}

/** The adapter that a step ran on. */
export interface RecordedAdapter {
  /** `vendor architecture`, as `engine.adapter`. */
  readonly name: string;
  /** Whether it is a CPU adapter. */
  readonly cpu: boolean;
  readonly features: readonly string[];
  /** Most invocations of a workgroup, bytes of its memory, storage buffers of a kernel, bytes of a binding. */
  readonly limits: {
    readonly maxInvocations: number;
    readonly maxWorkgroupBytes: number;
    readonly maxStorageBuffers: number;
    readonly maxBinding: number;
  };
}

/** What an adapter can do at most, as `npm run bench` measures it. */
export interface Ceilings {
  /** 10⁹ operations per second; a multiply-add is two. */
  readonly gflops: number;
  /** 10⁹ bytes per second, read plus written. */
  readonly gbPerSec: number;
  /** Microseconds that a dispatch takes which does nothing. */
  readonly dispatchUs: number;
}

/** The stages of compilation. */
export type Stage = "built" | "simplified" | "fused" | "lowered";

/** The graph of a step, after each pass that changes it. */
export interface RecordedGraph {
  /** As you built it, gradients and optimizer included. */
  readonly built: readonly RecordedNode[];
  /** Without common subexpressions, arithmetic on constants, views of views. */
  readonly simplified: readonly RecordedNode[];
  /** With pointwise ops in shared kernels. */
  readonly fused: readonly RecordedNode[];
  /** Kernel calls; a small one may share its dispatch with others. */
  readonly lowered: readonly RecordedNode[];
  /** What leaves each stage: outputs by name, new values of variables as `name'`. */
  readonly roots: Readonly<Record<Exclude<Stage, "lowered">, readonly Root[]>>;
}

/** A result that the program keeps: an output, or the next value of a variable. */
export interface Root {
  readonly name: string;
  readonly node: number;
  readonly result: number;
}

/** A node of a stage. Inputs come before users. */
export interface RecordedNode {
  /** The op; in the stage "lowered", the kernel's family. */
  readonly op: string;
  /** Name of an input or variable; in the stage "lowered", the kernel's label. */
  readonly name?: string;
  /** Path of the layer: `encoder.0`; "" outside of any. */
  readonly layer: string;
  /** Attributes as in the op's docs, long arrays cut. */
  readonly attrs: Readonly<Record<string, unknown>>;
  /** The pointwise ops that share its kernel, as text: those that compute its first input, and those that follow. */
  readonly before?: string;
  readonly after?: string;
  readonly inputs: readonly { readonly node: number; readonly result: number }[];
  readonly results: readonly RecordedResult[];
  /** Nodes of the stage before that it was made from. Empty in the first stage. */
  readonly from: readonly number[];
  /** Whether each element is computed from the same element of each input. */
  readonly pointwise?: true;
  /** Of a view: element `[i, j]` is element number `offset + i·strides[0] + …` of its input. */
  readonly walk?: { readonly strides: readonly number[]; readonly offset: number };
  /** In the stage "built": the node whose gradient it helps to compute. */
  readonly gradientOf?: number;
  /** In the stage "lowered": its dispatch. */
  readonly dispatch?: number;
}

/** One result of a node. */
export interface RecordedResult {
  readonly shape: Shape;
  readonly dtype: DType;
  /** The tensor with its elements, if they are in memory. Element `[i, j]` is number `offset + i·strides[0] + …`. */
  readonly tensor?: number;
  /** Only where they are not those of a row-major tensor. */
  readonly strides?: readonly number[];
  readonly offset?: number;
}

/** One kernel as it ran. */
export interface RecordedDispatch {
  /** Op, shapes, epilogue and dtype: `matmul[64x128x784]+add+relu:f32`. */
  readonly label: string;
  readonly layer: string;
  readonly family: string;
  readonly variant: string;
  /** File of the kernel's source, or several: `shaders/matmul.wgsl.ts`. "" for kernels of users. */
  readonly source: string;
  /** Why these variants run, and what the others score. */
  readonly choices: readonly Choice[];
  readonly workgroups: readonly [number, number, number];
  /** Arithmetic operations, and the least bytes to read and write. */
  readonly flops: number;
  readonly bytes: number;
  readonly wgsl: string;
  readonly bindings: readonly RecordedBinding[];
}

/** A buffer as a kernel sees it. */
export interface RecordedBinding {
  readonly role: string;
  readonly access: "read" | "read_write";
  readonly buffer: number;
  /** Bytes. */
  readonly offset: number;
  readonly size: number;
  /** What its kernels read and write there. A tensor that is only partly bound counts too. */
  readonly reads: readonly number[];
  readonly writes: readonly number[];
}

/** Times of the run, in milliseconds. */
export interface Timings {
  /** Host: encoding the commands of one run. Host clocks of pages are coarse: 5 to 100 µs. */
  readonly encodeMs: number;
  /** Host: the call of `submit`. */
  readonly submitMs: number;
  /** Host: from the submit until all is done and the host knows. Includes the copies made for this recording. */
  readonly doneMs: number;
  /** By the GPU's clock. Absent where the device has no timestamp queries. */
  readonly gpu?: {
    /** Begin and end of each dispatch, from the begin of the first. */
    readonly spans: readonly (readonly [begin: number, end: number])[];
    /** Readings are multiples of this. Differences of a few of them mean little. */
    readonly resolutionMs: number;
  };
}

/** All memory of the program. */
export interface RecordedMemory {
  readonly buffers: readonly RecordedBuffer[];
  /** Bytes of each piece of memory that scratch buffers share, one after another. */
  readonly slots: readonly number[];
  /** Bytes in all: as `program.memory`. */
  readonly variables: number;
  readonly inputs: number;
  readonly constants: number;
  readonly scratch: number;
  readonly scratchUnshared: number;
  readonly total: number;
  /** Bytes of scratch that are needed during each dispatch. */
  readonly needed: readonly number[];
  /** The most of them, and the dispatch. */
  readonly peak: { readonly bytes: number; readonly dispatch: number };
}

/** One buffer of the program. */
export interface RecordedBuffer {
  readonly role: string;
  readonly kind: "input" | "variable" | "constant" | "scratch";
  readonly bytes: number;
  /** The dispatches that need it first and last; null where it outlives the run. */
  readonly first: number;
  readonly last: number | null;
  /** Its place in `slots`; null for others than scratch. */
  readonly slot: number | null;
  /** The dispatch that writes it first; null if none does. */
  readonly maker: number | null;
}

/** A tensor in memory, with statistics of its values. */
export interface RecordedTensor {
  readonly name: string;
  /** "variable" is the value before the step, "updated" the one after it. */
  readonly kind: "input" | "variable" | "constant" | "computed" | "updated";
  readonly shape: Shape;
  readonly dtype: DType;
  readonly layer: string;
  readonly buffer: number;
  /** Bytes. */
  readonly offset: number;
  /** The dispatch that writes it; null for what is there before. */
  readonly dispatch: number | null;
  /** One for each of the recording's `steps`. */
  readonly statistics: readonly Statistics[];
  /** All elements, row-major: little-endian bytes in base64. Absent in large tensors. `valuesOf` reads them. */
  readonly values?: string;
}

/** Of the finite elements. */
export interface Statistics {
  readonly min: number;
  readonly max: number;
  readonly mean: number;
  /** Standard deviation, not corrected. */
  readonly std: number;
  /** Square root of the sum of squares. */
  readonly norm: number;
  /** Numbers of elements that are 0, NaN, infinite. */
  readonly zeros: number;
  readonly nans: number;
  readonly infinities: number;
  /** How many elements lie in each of equal bins from `min` to `max`; one bin if these are equal. */
  readonly histogram: readonly number[];
}
