import type { Comparison } from "../../bench/measure/check.ts";
import { type Ceilings, figuresOf, type Timing, type Work } from "../../bench/measure/result.ts";
import type { Modelled } from "../../bench/modelled/model.ts";
import type { Backend } from "../../src/index.ts";
import type { DescribedGpu } from "../../src/kernels/model.ts";
import type { KernelTraffic } from "../../src/selfcheck/index.ts";

/** What to compute: a work of works.ts, at these sizes. */
export interface Problem {
  readonly work: string;
  readonly sizes: readonly number[];
  /** Whether one element of the input is NaN. */
  readonly nan: boolean;
}

/** Equal problems have equal keys. */
export const problemKey = ({ work, sizes, nan }: Problem): string =>
  `${work} ${sizes.join("×")}${nan ? " with NaN" : ""}`;

/** What the page learns of the GPU. */
export interface About {
  readonly adapter: string;
  /** Whether the adapter is a CPU. */
  readonly cpu: boolean;
  /** What computes, and why. */
  readonly backend: Backend;
  readonly backendReason: string;
  readonly features: readonly string[];
  /** Most invocations in a workgroup. */
  readonly maxInvocations: number;
  /** What times kernels: the GPU's clock or the page's. */
  readonly clock: Timing["clock"];
}

export type Bounds = Omit<Ceilings, "readbackMs">;

export interface Ladder {
  /** The engine's choice. */
  readonly chosen: string;
  /** The file of the family's source. */
  readonly source: string;
  /** The definition first. */
  readonly variants: readonly {
    readonly variant: string;
    /** Why it cannot run here, if so. */
    readonly lacks: string | undefined;
  }[];
}

/** One kernel of a variant. */
export interface Source {
  readonly label: string;
  readonly wgsl: string;
  readonly workgroups: readonly [number, number, number];
}

/** Another text for one kernel of a variant. */
export interface Edit {
  /** Its place among the variant's kernels. */
  readonly kernel: number;
  readonly wgsl: string;
  readonly workgroups: readonly [number, number, number];
}

/** What a kernel asks of memory, and a model of it on GPUs that are only described. */
export interface ModelledKernel {
  readonly traffic: KernelTraffic;
  readonly on: readonly { readonly gpu: DescribedGpu; readonly times: Modelled }[];
}

/** What came of a measurement. Only what is right is timed, and only what the clock can carry is given. */
export type Outcome =
  | { readonly state: "absent" }
  | { readonly state: "failed"; readonly message: string }
  /** A loop, at this line, turned more often than it may. */
  | { readonly state: "endless"; readonly line: number }
  | { readonly state: "wrong"; readonly comparison: Comparison }
  | {
      readonly state: "right";
      readonly comparison: Comparison;
      readonly compileMs: number;
      readonly dispatches: number;
      /** The step of the clock. */
      readonly stepMs: number;
      /** Absent if the clock is too coarse for it. */
      readonly time?: Timing;
      /** Operations and bytes of each dispatch. */
      readonly work?: readonly Work[];
    };

/** A timed kernel with its rates. The share of the roofline is missing until that is measured. */
export type Timed = Timing &
  Work & { readonly gflops: number; readonly gbPerSec: number; readonly ofRoofline?: number };

/** The rates of an outcome that was timed. */
export function timed(outcome: Outcome | undefined, bounds: Bounds | undefined): Timed | undefined {
  if (outcome?.state !== "right" || !outcome.time) return undefined;
  const { ofRoofline, ...rates } = figuresOf(outcome.work!, outcome.time, bounds ?? { gflops: 1, gbPerSec: 1 });
  return { ...outcome.time, ...rates, ...(bounds && { ofRoofline }) };
}

/** What the race finder says of kernels. */
export interface Races {
  /** What is wrong with their memory accesses, in words. */
  readonly faults: readonly string[];
  /** Memory past whose end some invocations load, which is no fault: tiles do so at the edges of matrices. */
  readonly pastEnd: readonly string[];
}
