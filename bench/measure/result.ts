/** Measurements of one place on one adapter: the JSON of a run. */
export interface Result {
  /** Node, a page in the Chrome of the benchmark, or a page that a visitor opened. */
  readonly place: "node" | "chrome" | "page";
  readonly adapter: string;
  /** Whether it is a CPU adapter. */
  readonly cpu: boolean;
  /** What ran the engine, such as "Chrome 143", and on which system, such as "Linux"; older results lack both. */
  readonly runtime?: string;
  readonly system?: string;
  /** Start time, ISO 8601. */
  readonly date: string;
  /** Of tilegrad, if known. */
  readonly version?: string;
  /** The measured commit, if known; "+" means with changes on top. */
  readonly commit?: string;
  readonly quick: boolean;
  /** Why the result is incomplete, such as "Ctrl-C before 12 of 48". */
  readonly stopped?: string;
  readonly ceilings: Ceilings;
  /** Measured again at the end. If they differ, other work used the machine in between. */
  readonly ceilingsAfter?: Ceilings;
  readonly kernels: readonly KernelRow[];
  readonly steps: readonly StepRow[];
  readonly scaling?: readonly ScalingRow[];
}

/** Progress of a measurement: plain data, since it may come from a page. */
export type Report =
  /** What is measured next. The total is known once the ceilings are. */
  | { readonly next: string; readonly at?: number; readonly of?: number }
  /** One or two of the adapter's limits, as soon as they are known. */
  | { readonly ceiling: Partial<Ceilings> }
  /** The result before its first row. */
  | { readonly begun: Result }
  | { readonly kernel: KernelRow }
  | { readonly step: StepRow }
  | { readonly grown: ScalingRow }
  | { readonly ceilingsAfter: Ceilings };

/** Receives a suite's reports. If it throws, the suite ends. */
export type Reporter = (report: Report) => void | Promise<void>;

/** Adds a report to a result. */
export function extended(result: Result | undefined, report: Report): Result | undefined {
  if ("begun" in report) return report.begun;
  if (!result) return undefined;
  if ("kernel" in report) return { ...result, kernels: [...result.kernels, report.kernel] };
  if ("step" in report) return { ...result, steps: [...result.steps, report.step] };
  if ("grown" in report) return { ...result, scaling: [...(result.scaling ?? []), report.grown] };
  if ("ceilingsAfter" in report) return { ...result, ceilingsAfter: report.ceilingsAfter };
  return result;
}

/** The adapter's limits: the roof over the kernels. */
export interface Ceilings {
  /** Multiply-adds in registers, two operations each. */
  readonly gflops: number;
  /** A copy between buffers, bytes read plus bytes written. */
  readonly gbPerSec: number;
  /** One more dispatch in a pass, including its encoding. */
  readonly dispatchUs: number;
  /** One more submit, with its encoder, pass and one dispatch. */
  readonly submitUs: number;
  /** Reading a scalar from an idle device. */
  readonly readbackMs: number;
}

/** The time that something takes. */
export interface Timing {
  /** Median of the samples, per run. */
  readonly ms: number;
  /** The shortest sample, per run. */
  readonly bestMs: number;
  /** Median deviation from the median, relative to it; null with too few samples. */
  readonly spread: number | null;
  readonly samples: number;
  /** Runs per sample. */
  readonly runs: number;
  /** The clock: the GPU's timestamps or the host's. */
  readonly clock: "gpu" | "wall";
}

interface KernelName {
  readonly family: string;
  readonly shape: string;
  readonly variant: string;
  /** Whether this variant is the engine's choice. */
  readonly chosen: boolean;
}

/** A correct kernel and its time. */
export interface KernelTime extends KernelName, Timing {
  readonly flops: number;
  readonly bytes: number;
  /** From the graph to a program with pipelines. Kernels that the device already has are not compiled again. */
  readonly compileMs: number;
  readonly dispatches: number;
  readonly gflops: number;
  readonly gbPerSec: number;
  /** The least time that the ceilings allow, divided by the measured one. */
  readonly ofRoofline: number;
  /** How many times as fast as the family's definition, where that was timed. */
  readonly timesNaive?: number;
}

/** A wrong kernel, which is not timed: its values. */
export interface KernelFault extends KernelName {
  readonly wrong: string;
}

export type KernelRow = KernelTime | KernelFault;

/** A whole training step. */
export interface StepRow extends Timing {
  readonly name: string;
  /** As for a kernel. */
  readonly compileMs: number;
  readonly dispatches: number;
  readonly submits: number;
  /** Bytes that the program keeps on the GPU. */
  readonly bytes: number;
  readonly flops: number;
  readonly gflops: number;
  /** The sum of its kernels' least times, divided by the measured time. */
  readonly ofRoofline: number;
  /** Share of the time that its dispatches would take if they did nothing. */
  readonly dispatching: number;
  /** By the GPU's clock, each kernel in its own pass; empty without timestamps. */
  readonly longest: readonly { readonly label: string; readonly ms: number }[];
}

export interface ScalingRow {
  /** What grows: "dispatches", "batch", "sequence", "compile", "compile training". */
  readonly of: string;
  readonly size: number;
  /** Time of a step; if `of` begins with "compile", time to build the program. */
  readonly ms: number;
  /** When compiling: the time of the passes, without memory and pipelines. */
  readonly passesMs?: number;
  readonly dispatches: number;
}

/** Arithmetic operations, and the fewest bytes that must move. */
export interface Work {
  readonly flops: number;
  readonly bytes: number;
}

/** The least time in ms that the ceilings allow. */
export const boundMs = ({ flops, bytes }: Work, { gflops, gbPerSec }: Roof): number =>
  Math.max(flops / gflops, bytes / gbPerSec) / 1e6;

/** The operations and bytes of some kernels together. */
export function workOf(kernels: readonly Work[]): Work {
  const add = (sum: Work, { flops, bytes }: Work) => ({ flops: sum.flops + flops, bytes: sum.bytes + bytes });
  return kernels.reduce<Work>(add, { flops: 0, bytes: 0 });
}

/** What bounds a kernel. */
export type Roof = Pick<Ceilings, "gflops" | "gbPerSec">;

/** The sum of the kernels' own bounds: each waits for the one before. */
export const boundOf = (kernels: readonly Work[], roof: Roof): number =>
  kernels.reduce((sum, kernel) => sum + boundMs(kernel, roof), 0);

/** Rates of kernels that take this time together, and their share of the roofline. */
export function figuresOf(
  kernels: readonly Work[],
  { ms }: Pick<Timing, "ms">,
  roof: Roof,
): Pick<KernelTime, "flops" | "bytes" | "gflops" | "gbPerSec" | "ofRoofline"> {
  const work = workOf(kernels);
  return {
    ...work,
    gflops: work.flops / ms / 1e6,
    gbPerSec: work.bytes / ms / 1e6,
    ofRoofline: boundOf(kernels, roof) / ms,
  };
}

export const isFault = (row: KernelRow): row is KernelFault => "wrong" in row;
