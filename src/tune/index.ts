import type { PipelineCache } from "../gpu/pipelines.ts";
import type { PrintedCall } from "../kernels/call.ts";
import { indexedDBStore } from "../store/indexedDB.ts";
import { Bench, type Candidate, type Finding } from "./bench.ts";
import type { TuningStore } from "./store.ts";

export { readWinners, writeWinners } from "./store.ts";
export type { Finding };

export interface TuneOptions {
  readonly device: GPUDevice;
  readonly pipelines: PipelineCache;
  /** Winners so far, `problem → variant`: these problems are not measured again. */
  readonly known: ReadonlyMap<string, string>;
  /** The program's kernels with the given variants for some problems. */
  readonly compile: (winners: ReadonlyMap<string, string>) => readonly PrintedCall[];
}

/** The part of the runtime's `Tuning` that tuning needs. */
interface Winners {
  readonly table: ReadonlyMap<string, string>;
  load(fallback?: TuningStore): Promise<void>;
  put(findings: readonly Finding[]): Promise<void>;
}

/** Measures unknown problems and saves the winners: in IndexedDB unless they have their own store. */
export async function tune(
  winners: Winners,
  options: Omit<TuneOptions, "known">,
  told: boolean | ((finding: Finding) => void),
): Promise<void> {
  await winners.load(globalThis.indexedDB && indexedDBStore({ name: "tuning" }));
  // A lost device is done at once with whatever it is given: such times mean nothing.
  let isLost = false;
  void options.device.lost.then(() => {
    isLost = true;
  });
  const findings: Finding[] = [];
  for await (const finding of measure({ ...options, known: winners.table })) {
    if (isLost) return;
    findings.push(finding);
    if (typeof told === "function") told(finding);
  }
  await winners.put(findings);
}

/**
 * Times the variants of each kernel of a program that has several and no known winner. A variant runs with everything
 * its node needs (e.g. partial sums and their reduction), on its own buffers. It counts only if it agrees with the
 * family's plainest variant.
 */
async function* measure({ device, pipelines, known, compile }: TuneOptions): AsyncGenerator<Finding, void> {
  const open = new Map<string, readonly string[]>();
  for (const { choices = [] } of compile(known)) {
    for (const { problem, by, variants } of choices) {
      const worth = variants.filter(({ score = -1 }) => score >= 0).map(({ variant }) => variant);
      if (by !== "force" && worth.length > 1 && !known.has(problem)) open.set(problem, worth);
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

/** The calls of the first node with the given problem. */
function firstNode(calls: readonly PrintedCall[], problem: string): readonly PrintedCall[] {
  const first = calls.find(({ choices = [] }) => choices.some((choice) => choice.problem === problem))!;
  return calls.filter(({ choices }) => choices === first.choices);
}
