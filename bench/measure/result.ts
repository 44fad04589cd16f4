/** What one place (Node, or a page in Chrome) measured on one adapter: the JSON of a run. */
export interface Result {
  readonly place: "node" | "chrome";
  readonly adapter: string;
  /** Whether the adapter is a processor pretending to be a GPU. */
  readonly cpu: boolean;
  /** Time of the beginning, ISO 8601. */
  readonly date: string;
  /** The commit that was measured, where it is known; "+" stands for changes on top of it. */
  readonly commit?: string;
  readonly quick: boolean;
  /** Where not all was measured: why, such as "Ctrl-C before 12 of 48". */
  readonly stopped?: string;
  readonly ceilings: Ceilings;
  /** The same once more at the end: where they differ, other work took its share of the machine meanwhile. */
  readonly ceilingsAfter?: Ceilings;
  readonly kernels: readonly KernelRow[];
  readonly steps: readonly StepRow[];
  readonly scaling?: readonly ScalingRow[];
}

/** What comes while a result is measured: plain data, since it may come from a page. */
export type Report =
  /** What is measured next. The number of all is known once the ceilings are. */
  | { readonly next: string; readonly at?: number; readonly of?: number }
  /** The result before its first row. */
  | { readonly begun: Result }
  | { readonly kernel: KernelRow }
  | { readonly step: StepRow }
  | { readonly grown: ScalingRow }
  | { readonly ceilingsAfter: Ceilings };

/** Takes what comes of a suite. Where it throws, the suite ends. */
export type Reporter = (report: Report) => void | Promise<void>;

/** A result with what came next in it. */
export function extended(result: Result | undefined, report: Report): Result | undefined {
  if ("begun" in report) return report.begun;
  if (!result) return undefined;
  if ("kernel" in report) return { ...result, kernels: [...result.kernels, report.kernel] };
  if ("step" in report) return { ...result, steps: [...result.steps, report.step] };
  if ("grown" in report) return { ...result, scaling: [...(result.scaling ?? []), report.grown] };
  if ("ceilingsAfter" in report) return { ...result, ceilingsAfter: report.ceilingsAfter };
  return result;
}

/** What the adapter can do at best: the roof over the kernels. */
export interface Ceilings {
  /** Multiply-adds in registers, two operations each. */
  readonly gflops: number;
  /** Copy from buffer to buffer, bytes read plus bytes written. */
  readonly gbPerSec: number;
  /** One more dispatch inside a pass, encoding included. */
  readonly dispatchUs: number;
  /** One more submit, with its encoder, its pass and one dispatch. */
  readonly submitUs: number;
  /** From asking for a scalar of an idle device until it is there. */
  readonly readbackMs: number;
}

/** How long something takes. */
export interface Timing {
  /** Median of the samples, for one run. */
  readonly ms: number;
  /** The shortest sample, for one run. */
  readonly bestMs: number;
  /** Median distance of a sample from the median, as a share of it; null where there are too few samples to tell. */
  readonly spread: number | null;
  readonly samples: number;
  /** Runs in a sample. */
  readonly runs: number;
  /** Whose clock it was: the GPU's timestamps, or the host's. */
  readonly clock: "gpu" | "wall";
}

interface KernelName {
  readonly family: string;
  readonly shape: string;
  readonly variant: string;
  /** Whether the engine would take this variant by itself. */
  readonly chosen: boolean;
}

/** A kernel that computes what it should, and how fast. */
export interface KernelTime extends KernelName, Timing {
  readonly flops: number;
  readonly bytes: number;
  /** From the graph to a program with pipelines; kernels that the device has met before are not compiled again. */
  readonly compileMs: number;
  readonly dispatches: number;
  readonly gflops: number;
  readonly gbPerSec: number;
  /** The least time that the ceilings allow, divided by the measured one. */
  readonly ofRoofline: number;
}

/** A kernel that was not timed: what it gave instead. */
export interface KernelFault extends KernelName {
  readonly wrong: string;
}

export type KernelRow = KernelTime | KernelFault;

/** A whole training step. */
export interface StepRow extends Timing {
  readonly name: string;
  /** As of a kernel. */
  readonly compileMs: number;
  readonly dispatches: number;
  readonly submits: number;
  /** Bytes that the program holds on the GPU. */
  readonly bytes: number;
  readonly flops: number;
  readonly gflops: number;
  /** The sum of its kernels' least times, divided by the measured time. */
  readonly ofRoofline: number;
  /** Share of the time that its dispatches would take if they did nothing. */
  readonly dispatching: number;
  /** By the GPU's clock, each kernel in a pass of its own; empty where there is none. */
  readonly longest: readonly { readonly label: string; readonly ms: number }[];
}

export interface ScalingRow {
  /** What grows: "dispatches", "batch", "sequence", "compile", "compile training". */
  readonly of: string;
  readonly size: number;
  /** A step; where `of` begins with "compile", building the program. */
  readonly ms: number;
  /** Compiling: the part of the passes, without memory and pipelines. */
  readonly passesMs?: number;
  readonly dispatches: number;
}

/** Arithmetic operations, and bytes that have to be moved at least. */
export interface Work {
  readonly flops: number;
  readonly bytes: number;
}

/** The least time in ms that the ceilings allow. */
export const boundMs = ({ flops, bytes }: Work, { gflops, gbPerSec }: Ceilings): number =>
  Math.max(flops / gflops, bytes / gbPerSec) / 1e6;

export const isFault = (row: KernelRow): row is KernelFault => "wrong" in row;
