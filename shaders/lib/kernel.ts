import type { Scalar } from "./view.wgsl.ts";

/** A planned buffer, before it has memory. */
export interface VirtualBuffer {
  readonly id: number;
  readonly kind: "input" | "variable" | "constant" | "scratch";
  /** What it holds, in words. */
  readonly role: string;
  readonly bytes: number;
  /** Constants only: their bytes. */
  readonly data?: Uint8Array;
  /** Scratch that keeps its memory for the whole run: program outputs and arenas. */
  readonly pinned?: boolean;
}

/** A buffer's elements seen as a tensor. `offset` and `strides` count elements; stride 0 repeats. */
export interface View {
  readonly buffer: VirtualBuffer;
  readonly dtype: Scalar;
  readonly shape: readonly number[];
  readonly strides: readonly number[];
  /** First element, counted from `base`. */
  readonly offset: number;
  /** Byte offset of the tensor's home in the buffer: a multiple of 256, so that it can be bound. */
  readonly base: number;
  /** Bytes of that home, a multiple of 16. */
  readonly span: number;
  /** What the tensor is, in words, where the buffer's role does not say it: the name of a variable, say. */
  readonly name?: string | undefined;
}

export interface Binding {
  readonly buffer: VirtualBuffer;
  /** Bytes. */
  readonly offset: number;
  readonly size: number;
  readonly access: "read" | "read_write";
}

/** What a name followed by parentheses becomes in a body: an expression, or the lines of a statement. */
export type Accessor = (...args: string[]) => string | readonly string[];

/** A buffer as a kernel declares it. */
export interface Buffer {
  readonly name: string;
  readonly access: "read" | "read_write";
  /** Type of an element of the array: a scalar or a vector. */
  readonly type: string;
  /** How many of these it has. A known length makes the driver's check of each access cheap. */
  readonly length: number;
  /** The memory that is bound. */
  readonly view?: View;
  /** What it holds, for readers: `input x, f32[64, 784]`. */
  readonly note?: string | undefined;
}

/** A number that a kernel was written for. */
export interface Constant {
  readonly name: string;
  /** WGSL: `64u`. */
  readonly value: string;
  readonly note?: string | undefined;
}

/** An array in workgroup memory, which starts as zeros. */
export interface Memory {
  readonly name: string;
  readonly type: string;
  readonly length: number;
  readonly note?: string | undefined;
}

/** A kernel as data. [print.ts](print.ts) makes WGSL of it. */
export interface Kernel {
  /** Invocations of a workgroup along each axis. */
  readonly workgroup: readonly [number, number, number];
  /** Names of WGSL's `enable`, but f16, which the printer finds by itself. */
  readonly features: readonly string[];
  /** F, I, U and H: the types that formulas are written in, each a scalar or a vec4. */
  readonly types: Readonly<Record<string, string>>;
  readonly constants: readonly Constant[];
  readonly buffers: readonly Buffer[];
  readonly memory: readonly Memory[];
  /** Functions and structures, each before those that use it. */
  readonly functions: readonly string[];
  /**
   * Statements of the entry point. They see `id` (global_invocation_id), `group` (workgroup_id) and `lane` (local_invocation_index), and
   * store by `NAME_store(index, value)`.
   */
  readonly body: string;
  /** Whether it stays in a dispatch of its own: its text takes so long to compile that others should not carry a copy of it. */
  readonly alone?: boolean;
}

/** Bytes of the types that workgroup memory has. */
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

/** Bytes of workgroup memory that a kernel takes. */
export const memoryOf = ({ memory, types }: Pick<Kernel, "memory" | "types">): number =>
  memory.reduce((sum, { type, length }) => sum + bytesOf[types[type] ?? type]! * length, 0);

/** A declaration as WGSL. One that depends on how many elements F holds is a function of that number; it stands as it is. */
export type Text = string | ((width: 1 | 4) => string);

/** A piece of a kernel that brings what its names need: an operand, or the end of the kernel. */
export interface Part {
  readonly buffers?: readonly Buffer[];
  readonly constants?: readonly Constant[];
  readonly memory?: readonly Memory[];
  readonly functions?: readonly Text[];
  /** Names that bodies may call. */
  readonly accessors?: Readonly<Record<string, Accessor>>;
  /** Whether values of type H occur. */
  readonly half?: boolean;
  /** Whether its kernel stays in a dispatch of its own. */
  readonly alone?: boolean;
}

/** What the author of a kernel writes. */
export interface Declaration {
  readonly workgroup: number | readonly [number, number, number];
  /** Elements that F, I, U and H hold; default 1. */
  readonly width?: 1 | 4;
  readonly features?: readonly string[];
  /** Buffers, accessors and functions, in the order of the bindings. */
  readonly parts: readonly (Part | undefined)[];
  /** Whole numbers become u32; a text stands as it is. With a note: `[64, "rows of the batch"]`. */
  readonly constants?: Readonly<Record<string, ConstantValue>>;
  readonly memory?: readonly Memory[];
  /** The kernel's own functions. */
  readonly functions?: readonly Text[];
  readonly body: string;
}

type ConstantValue = number | string | readonly [value: number | string, note: string];

export const constantOf = (name: string, given: ConstantValue): Constant => {
  const [value, note] = typeof given === "object" ? given : [given];
  return { name, value: typeof value === "number" ? `${value}u` : value, note };
};
