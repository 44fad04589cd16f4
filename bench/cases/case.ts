import { data, type Tensor, type Update, type Variable, variable } from "../../src/index.ts";
import type { Work } from "../measure/result.ts";

/** What a program computes; there is nothing to feed, since all it reads is on the GPU already. */
export interface Graph {
  readonly outputs?: Readonly<Record<string, Tensor>>;
  readonly updates?: readonly Update[];
}

/** A kernel family at one problem: a row of the report for each variant. */
export interface KernelCase {
  /** What is computed, such as "conv2d weight gradient". */
  readonly family: string;
  readonly shape: string;
  /** The family under which variants are forced, and their names; without them there is one kernel only. */
  readonly forces?: string;
  readonly variants?: readonly string[];
  /** Whether `--quick` leaves it out. */
  readonly long?: boolean;
  /** The least work of a large one, which GPUs are given if they are fast enough, and none by `--quick`. */
  readonly work?: Work;
  build(): Graph;
}

const sizeOf = (shape: readonly number[]): number => shape.reduce((product, n) => product * n, 1);

/** Numbers between −0.5 and 0.5, the same in every run. */
export function noise(count: number, seed = 1): Float32Array<ArrayBuffer> {
  const stream = data.randomStream(seed);
  return Float32Array.from({ length: count }, () => stream.uniform() - 0.5);
}

/** Whole numbers from 0 to `classes` − 1. */
export function labels(count: number, classes: number, seed = 2): Int32Array<ArrayBuffer> {
  const stream = data.randomStream(seed);
  return Int32Array.from({ length: count }, () => stream.below(classes));
}

/** Noise that lies on the GPU, in a buffer of its own. */
export const given = (name: string, ...shape: number[]): Variable =>
  variable(noise(sizeOf(shape), name.charCodeAt(0)), shape, { name, group: name });

/** Labels that lie on the GPU. */
export const givenLabels = (classes: number, ...shape: number[]): Variable =>
  variable(labels(sizeOf(shape), classes), shape, { name: "labels", group: "labels" });

export const times = (shape: readonly number[]): string => shape.join("×");

export const namesOf = (variants: readonly { readonly name: string }[]): string[] => variants.map(({ name }) => name);
