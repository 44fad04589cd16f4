import type { Binding, Kernel, View } from "../../shaders/lib/kernel.ts";
import type { Watch } from "../../shaders/lib/print.ts";
import { bytesPer, type DType } from "../graph/shape.ts";

export type { Binding, View, VirtualBuffer } from "../../shaders/lib/kernel.ts";

/** An error that a compiler found in a text, counted from 1. */
export interface CompilerError {
  readonly lineNum: number;
  readonly linePos: number;
  readonly message: string;
}

/** WGSL that a user wrote. */
export interface Written {
  /**
   * What is wrong with it, by the user's own lines; nothing where the fault of a kernel that does not compile lies elsewhere.
   * @param errorsIn what a compiler finds in a text.
   */
  faults(errorsIn: (wgsl: string) => Promise<readonly CompilerError[]>): Promise<readonly string[]>;
}

/** One dispatch, as data. The bindings are those of group 0, in this order. */
export interface Call {
  /** Composed of op, shapes, epilogue and dtype: `matmul[64x128x784]+add+relu:f32`. */
  readonly label: string;
  /**
   * Path of the layer it computes, gradients included: `encoder.0`. For a fused kernel, the layer of its product,
   * convolution or reduction, else of its first node; for a merged dispatch, all of them: `0 | 2`. Empty outside of
   * layers.
   */
  readonly layer?: string;
  readonly family: string;
  readonly variant: string;
  /** Where the kernel's text was written: `shaders/matmul.wgsl.ts`. */
  readonly source?: string;
  readonly bindings: readonly Binding[];
  readonly workgroups: readonly [number, number, number];
  /** Invocations that have work to do, counted along x first; absent where unknown. */
  readonly invocations?: number;
  /** Arithmetic operations, and the fewest bytes that must move. */
  readonly flops: number;
  readonly bytes: number;
  /** What users wrote of it. */
  readonly written?: readonly Written[];
  /** Present where several variants were possible. */
  readonly choices?: readonly Choice[];
}

/** One kernel, as data. */
export interface KernelCall extends Call {
  readonly kernel: Kernel;
  /** How its stores are tested for NaN. The last binding is the flag then. */
  readonly watch?: Watch;
}

/** What runs: one kernel or several, printed. */
export interface PrintedCall extends Call {
  readonly wgsl: string;
  /** What the text enables. This and the following are absent in programs that were compiled ahead. */
  readonly features?: readonly string[];
  /** What the bindings hold. */
  readonly elements?: readonly DType[];
  /** The text with a note behind each declaration. */
  annotated?(): string;
}

/** A choice of a kernel variant, the problem it depends on, and what decided it. */
export interface Choice {
  /**
   * Family, sizes and layout: `matmul m=64 n=128 k=784 …`. Equal problems have the same fastest variant on an adapter.
   */
  readonly problem: string;
  readonly chosen: string;
  /** Whether the variant was forced, measured to be the fastest, or has the best score. */
  readonly by: "force" | "measurement" | "score";
  /** All variants of the family, the plainest first. */
  readonly variants: readonly Candidate[];
}

/** What speaks for a variant, or against it. */
export interface Candidate {
  readonly variant: string;
  /** Rule of thumb, larger is better. Below 0: not worth measuring. Absent for variants that do not fit. */
  readonly score?: number;
  /** Milliseconds per run, where it was measured here; null where its values were wrong. */
  readonly ms?: number | null;
  /** Why it does not fit: what it needs and lacks here. */
  readonly lacks?: string;
}

/** Elements in the memory behind a view. */
export const lengthOf = ({ span, dtype }: View): number => span / bytesPer(dtype);

/** A kernel and what it binds: the memory of its buffers, in their order. */
export const bound = (kernel: Kernel): Pick<KernelCall, "kernel" | "bindings"> => ({
  kernel,
  bindings: kernel.buffers.map(({ view, access }) => bind(view!, access)),
});

/** Binds the home of a view. */
export const bind = ({ buffer, base, span }: View, access: Binding["access"]): Binding => ({
  buffer,
  offset: base,
  size: span,
  access,
});
