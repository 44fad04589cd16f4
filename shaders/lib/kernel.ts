import type { Scalar } from "./view.wgsl.ts";

/** A planned buffer without memory yet. */
export interface VirtualBuffer {
  readonly id: number;
  readonly kind: "input" | "variable" | "constant" | "scratch";
  /** What it holds, in words. */
  readonly role: string;
  readonly bytes: number;
  /** Only for constants: their bytes. */
  readonly data?: Uint8Array;
  /** Scratch that keeps its memory for the whole run: program outputs and arenas. */
  readonly pinned?: boolean;
}

/** A tensor in a buffer. `offset` and `strides` count elements; stride 0 repeats. */
export interface View {
  readonly buffer: VirtualBuffer;
  readonly dtype: Scalar;
  readonly shape: readonly number[];
  readonly strides: readonly number[];
  /** First element, relative to `base`. */
  readonly offset: number;
  /** Byte offset of the tensor's memory in the buffer: a multiple of 256, as bindings require. */
  readonly base: number;
  /** Bytes of that memory, a multiple of 16. */
  readonly span: number;
  /** A name for the tensor, such as that of its variable, if the buffer's role is not specific enough. */
  readonly name?: string | undefined;
}

export interface Binding {
  readonly buffer: VirtualBuffer;
  /** Bytes. */
  readonly offset: number;
  readonly size: number;
  readonly access: "read" | "read_write";
}

/** What a call in a body expands to: an expression, or the lines of a statement. */
export type Accessor = (...args: string[]) => string | readonly string[];

/** A buffer declaration. */
export interface Buffer {
  readonly name: string;
  readonly access: "read" | "read_write";
  /** Type of the array's elements: a scalar or a vector. */
  readonly type: string;
  /** Number of elements. A known length makes the driver's bounds checks cheap. */
  readonly length: number;
  /** The memory to bind. */
  readonly view?: View;
  /** What it holds, as a comment: `input x, f32[64, 784]`. */
  readonly note?: string | undefined;
}

/** A constant of a kernel. */
export interface Constant {
  readonly name: string;
  /** WGSL text: `64u`. */
  readonly value: string;
  /** What it counts, as a comment. */
  readonly note: string;
}

/** An array in workgroup memory, initially zero. */
export interface Memory {
  readonly name: string;
  readonly type: string;
  readonly length: number;
  /** What it holds, as a comment. */
  readonly note: string;
}

/** A kernel as data. [print.ts](print.ts) turns it into WGSL. */
export interface Kernel {
  /** Workgroup size along each axis. */
  readonly workgroup: readonly [number, number, number];
  /** Features to enable in WGSL, except f16, which the printer detects. */
  readonly features: readonly string[];
  /** The types F, I, U and H of formulas, each a scalar or a vec4. */
  readonly types: Readonly<Record<string, string>>;
  readonly constants: readonly Constant[];
  readonly buffers: readonly Buffer[];
  readonly memory: readonly Memory[];
  /** Functions and structs, each before its first use. */
  readonly functions: readonly string[];
  /**
   * Statements of the entry point. They may use `id` (global_invocation_id), `group` (workgroup_id) and `lane`
   * (local_invocation_index), and store with `NAME_store(index, value)`.
   */
  readonly body: string;
  /** Whether it must not be merged, because it takes so long to compile that copies would be costly. */
  readonly alone?: boolean;
}

/** Bytes of the types in workgroup memory. */
export const bytesOf: Readonly<Record<string, number>> = {
  f32: 4,
  u32: 4,
  i32: 4,
  f16: 2,
  vec2f: 8,
  vec2u: 8,
  vec3f: 16,
  vec4f: 16,
  vec4u: 16,
  vec2i: 8,
  vec4i: 16,
  "atomic<u32>": 4,
  "atomic<i32>": 4,
  vec4h: 8,
};

/** Bytes of workgroup memory that a kernel uses. */
export const memoryOf = ({ memory, types }: Pick<Kernel, "memory" | "types">): number =>
  memory.reduce((sum, { type, length }) => sum + bytesOf[types[type] ?? type]! * length, 0);

/** A declaration in WGSL. A function of F's width generates it; its result is not expanded. */
export type Text = string | ((width: 1 | 4) => string);

/** A piece of a kernel with everything its names need: an operand, or the epilogue. */
export interface Part {
  readonly buffers?: readonly Buffer[];
  readonly constants?: Constants;
  readonly memory?: readonly Memory[];
  readonly functions?: readonly Text[];
  /** Names that bodies may call. */
  readonly accessors?: Readonly<Record<string, Accessor>>;
  /** Whether the kernel must not be merged. */
  readonly alone?: boolean;
}

/** A kernel as its author writes it. */
export interface Declaration {
  readonly workgroup: number | readonly [number, number, number];
  /** Width of F, I, U and H: scalars (1, the default) or vec4s. */
  readonly width?: 1 | 4;
  readonly features?: readonly string[];
  /** Buffers, accessors and functions, in the order of the bindings. */
  readonly parts: readonly (Part | undefined)[];
  readonly constants?: Constants;
  readonly memory?: readonly Memory[];
  /** The kernel's own functions. */
  readonly functions?: readonly Text[];
  readonly body: string;
}

/** Constants by name, each with a comment: `[64, "rows of the batch"]`. Numbers become u32; text is used as it is. */
export type Constants = Readonly<Record<string, readonly [value: number | string, note: string]>>;
