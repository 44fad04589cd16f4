import type { PipelineCache } from "../gpu/pipelines.ts";
import type { KernelCall } from "../graph/op.ts";
import { Bench, type Candidate } from "./bench.ts";
import { browserStore, type TuningStore } from "./store.ts";

/** What measuring has found for one problem. */
export interface Finding {
  readonly problem: string;
  /** The fastest variant. */
  readonly variant: string;
  /** Milliseconds of one execution by variant; null for one that gave other values than the plainest. */
  readonly ms: Readonly<Record<string, number | null>>;
}

export interface TuneOptions {
  readonly device: GPUDevice;
  readonly pipelines: PipelineCache;
  /** Winners so far, `problem → variant`: these problems are left alone. */
  readonly known: ReadonlyMap<string, string>;
  /** The program's kernels when some problems are given certain variants. */
  readonly compile: (winners: ReadonlyMap<string, string>) => readonly KernelCall[];
}

/** Where winners are kept: `Tuning` of the runtime. */
interface Winners {
  readonly table: ReadonlyMap<string, string>;
  load(fallback?: TuningStore): Promise<void>;
  put(findings: readonly Finding[]): Promise<void>;
}

/** Measures what is not known yet, and keeps the winners: in IndexedDB where they have no store of their own. */
export async function tune(
  winners: Winners,
  options: Omit<TuneOptions, "known">,
  told: boolean | ((finding: Finding) => void),
): Promise<void> {
  await winners.load(browserStore());
  const findings: Finding[] = [];
  for await (const finding of measure({ ...options, known: winners.table })) {
    findings.push(finding);
    if (typeof told === "function") told(finding);
  }
  await winners.put(findings);
}

/**
 * Times the variants of each kernel of a program that has more than one and is not known yet. A variant runs with all that its node
 * needs (partial sums and their reduction, say), on buffers of its own, and counts only if it gives what the family's plainest
 * variant gives.
 */
async function* measure({ device, pipelines, known, compile }: TuneOptions): AsyncGenerator<Finding, void> {
  const open = new Map<string, readonly string[]>();
  for (const { choices = [] } of compile(known)) {
    for (const { problem, variants } of choices) {
      if (variants.length > 1 && !known.has(problem)) open.set(problem, variants);
    }
  }
  for (const [problem, variants] of open) {
    const bench = new Bench(device, pipelines);
    const candidates = variants.map((variant): Candidate => {
      const calls = compile(new Map([...known, [problem, variant]]));
      return { variant, calls: firstNode(calls, problem) };
    });
    const found = await bench.compare(candidates);
    if (found) yield { problem, ...found };
  }
}

/** The calls of the first node that has to solve a problem. */
function firstNode(calls: readonly KernelCall[], problem: string): readonly KernelCall[] {
  const first = calls.find(({ choices = [] }) => choices.some((choice) => choice.problem === problem))!;
  return calls.filter(({ choices }) => choices === first.choices);
}
