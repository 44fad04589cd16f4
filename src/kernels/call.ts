import type { Binding, Kernel, View } from "../../shaders/lib/kernel.ts";
import type { Watch } from "../../shaders/lib/print.ts";
import { bytesPer, type DType } from "../graph/shape.ts";
import type { Node } from "../graph/tensor.ts";

export type { Binding, View, VirtualBuffer } from "../../shaders/lib/kernel.ts";

/** A compiler error in a WGSL text; line and column count from 1. */
export interface CompilerError {
  readonly lineNum: number;
  readonly linePos: number;
  readonly message: string;
}

/** WGSL that a user wrote. */
export interface Written {
  /**
   * The errors in it, at the user's own line numbers; empty if the user's text has no error.
   * @param errorsIn compiles a text and returns its errors.
   */
  faults(errorsIn: (wgsl: string) => Promise<readonly CompilerError[]>): Promise<readonly string[]>;
}

/** One dispatch, as data. Its bindings are in group 0, in this order. */
export interface Call {
  /** Op, shapes, epilogue and dtype: `matmul[64x128x784]+add+relu:f32`. */
  readonly label: string;
  /**
   * Path of its layer, gradients included: `encoder.0`. A fused kernel has the layer of its matmul, convolution or
   * reduction, else of its first node; a merged dispatch has all of them: `0 | 2`. Empty
   * outside layers.
   */
  readonly layer?: string;
  readonly family: string;
  readonly variant: string;
  /** The file of the kernel's source: `shaders/matmul.wgsl.ts`. Absent for a `customOp`, whose source is yours. */
  readonly source?: string;
  readonly bindings: readonly Binding[];
  readonly workgroups: readonly [number, number, number];
  /** Invocations with work to do, counted along x first; absent if unknown. */
  readonly invocations?: number;
  /** Arithmetic operations, and the minimum of bytes to read and write. */
  readonly flops: number;
  readonly bytes: number;
  /** User-written WGSL in it. */
  readonly written?: readonly Written[];
  /**
   * How each variant was chosen. Absent if there was nothing to choose: for families with a single variant, a
   * `customOp`, and copies.
   */
  readonly choices?: readonly Choice[];
}

/** One kernel, as data. */
export interface KernelCall extends Call {
  readonly kernel: Kernel;
  /** The node that it computes; absent for copies. */
  readonly node?: Node;
  /** How its stores are checked for NaN. If present, the last binding is the flag. */
  readonly watch?: Watch;
}

/** A kernel, and the calls that store what it reads. */
export interface Staged {
  readonly before: readonly KernelCall[];
  readonly kernel: Kernel;
}

/** A dispatch ready to compile: one or several kernels, printed. */
export interface PrintedCall extends Call {
  readonly wgsl: string;
  /** Features that the WGSL enables. This and the fields below are absent in programs compiled ahead of time. */
  readonly features?: readonly string[];
  /** The kernels in it. */
  readonly parts?: readonly KernelCall[];
  /** Element types of the bindings. */
  readonly elements?: readonly DType[];
  /** The WGSL with a comment after each declaration. */
  annotated?(): string;
}

/** The choice of a kernel variant, the problem it depends on, and what decided it. */
export interface Choice {
  /**
   * Family, sizes and layout: `matmul m=64 n=128 k=784 …`. On one adapter, equal problems have the same fastest
   * variant.
   */
  readonly problem: string;
  readonly chosen: string;
  /** Whether the variant was forced, measured to be the fastest, or has the highest score. */
  readonly by: "force" | "measurement" | "score";
  /** All variants of the family, simplest first. */
  readonly variants: readonly Candidate[];
}

/** A variant considered in a choice. */
export interface Candidate {
  readonly variant: string;
  /** Heuristic score, higher is better. Below 0: not worth measuring. Absent for variants that do not fit. */
  readonly score?: number;
  /** Milliseconds per run, if measured here; null if its results were wrong. */
  readonly ms?: number | null;
  /** Why it does not fit: the requirement that is not met. */
  readonly lacks?: string;
}

/** Number of elements in the memory of a view. */
export const lengthOf = ({ span, dtype }: View): number => span / bytesPer(dtype);

/** A kernel and the bindings of its buffers, in order. */
export const bound = (kernel: Kernel): Pick<KernelCall, "kernel" | "bindings"> => ({
  kernel,
  bindings: kernel.buffers.map(({ view, access }) => bind(view!, access)),
});

/** What a variant writes: a kernel alone, or with calls before it. */
export const staged = (written: Kernel | Staged): Staged =>
  "before" in written ? written : { before: [], kernel: written };

/** Binds the memory of a view. */
export const bind = ({ buffer, base, span }: View, access: Binding["access"]): Binding => ({
  buffer,
  offset: base,
  size: span,
  access,
});
