import type { Spec } from "../graph/tensor.ts";
import type { Memory } from "../runtime/inspection.ts";

/** A layer of a model, and what it costs in evaluation. */
export interface LayerSummary {
  /** "" for the model itself, "body.0" for a layer in it. */
  readonly path: string;
  /** The function of nn that made it ("linear"), the name given to `custom`, or "module". */
  readonly kind: string;
  /** How many layers contain it. */
  readonly depth: number;
  /** Shape and dtype of its result; `undefined` where it has none of its own in this graph. */
  readonly output: Spec | undefined;
  /** Elements of its own parameters, without those of layers in it, and without those shown before (tied weights). */
  readonly parameters: number;
  /** Of these, the frozen ones. */
  readonly frozen: number;
  /** Elements of its other variables, such as running statistics. */
  readonly buffers: number;
  /** Bytes that its kernels write: its results, where another kernel reads them. */
  readonly memory: number;
  /** Arithmetic operations of its kernels; a multiplication and an addition are two. */
  readonly operations: number;
  /** Its kernels. A layer without any computes in the kernel of another, or is only a view. */
  readonly kernels: number;
}

/** What a whole program costs. */
export interface Costs {
  readonly operations: number;
  /** Kernels may share a dispatch. */
  readonly kernels: number;
  readonly dispatches: number;
  /** In bytes, as in `program.memory`. */
  readonly memory: Memory;
}

/** What a model consists of, and what it costs. */
export interface Summary {
  /** The layers, each before those in it. */
  readonly layers: readonly LayerSummary[];
  /** Elements of all parameters, the frozen ones among them, and of all other variables. */
  readonly parameters: number;
  readonly frozen: number;
  readonly buffers: number;
  readonly evaluation: Costs;
  /** Only with the option `training`. */
  readonly training: Costs | undefined;
  /** All of this as a table. */
  readonly text: string;
  /** The same as `text`. */
  toString(): string;
}
