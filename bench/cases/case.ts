import { data, type Tensor, type Update, type Variable, variable } from "../../src/index.ts";
import { type Family, withExtra } from "../../src/kernels/choose.ts";
import type { ExtraVariants } from "../../src/kernels/traits.ts";
import type { Work } from "../measure/result.ts";

/** A program's outputs. It takes no feeds, since everything it reads is on the GPU. */
export interface Graph {
  readonly outputs?: Readonly<Record<string, Tensor>>;
  readonly updates?: readonly Update[];
}

/** A kernel family at one problem: one row of the report per variant. */
export interface KernelCase {
  /** What it computes, such as "conv2d weight gradient". */
  readonly family: string;
  readonly shape: string;
  /** The family to force variants of; without it there is only one kernel. */
  readonly forces?: Family<{ readonly name: string }>;
  /** Whether `--quick` skips it. */
  readonly long?: boolean;
  /** The least work of a large case. Only fast enough GPUs get it, and never with `--quick`. */
  readonly work?: Work;
  build(): Graph;
}

const sizeOf = (shape: readonly number[]): number => shape.reduce((product, n) => product * n, 1);

/** Numbers between −0.5 and 0.5, the same in every run. */
export function noise(count: number, seed = 1): Float32Array<ArrayBuffer> {
  const stream = data.randomStream(seed);
  return Float32Array.from({ length: count }, () => stream.uniform() - 0.5);
}

/** Integers from 0 to `classes` − 1. */
export function labels(count: number, classes: number, seed = 2): Int32Array<ArrayBuffer> {
  const stream = data.randomStream(seed);
  return Int32Array.from({ length: count }, () => stream.below(classes));
}

/** Noise in a buffer of its own on the GPU. */
export const given = (name: string, ...shape: number[]): Variable =>
  variable(noise(sizeOf(shape), name.charCodeAt(0)), shape, { name, group: name });

/** Labels on the GPU. */
export const givenLabels = (classes: number, ...shape: number[]): Variable =>
  variable(labels(sizeOf(shape), classes), shape, { name: "labels", group: "labels" });

export const times = (shape: readonly number[]): string => shape.join("×");

/** Names of the variants that a case is measured in. @param extra those that the adapter has beside the family's own. */
export const variantsOf = ({ forces }: Pick<KernelCase, "forces">, extra?: ExtraVariants): readonly string[] =>
  forces ? withExtra(forces, extra).variants.map(({ name }) => name) : ["only"];
