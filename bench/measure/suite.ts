import { Engine, type EngineOptions } from "../../src/index.ts";
import { kernelCases } from "../cases/index.ts";
import { workloads } from "../workloads.ts";
import { measureCeilings } from "./ceilings.ts";
import type { Budget } from "./clock.ts";
import { measureKernel } from "./kernels.ts";
import { boundMs, type KernelRow, type Result, type ScalingRow, type StepRow } from "./result.ts";
import { measureScaling } from "./scaling.ts";
import { measureStep } from "./steps.ts";

/** What to measure: plain data, since it also goes to a page. */
export interface SuiteOptions {
  /** Only kernels and steps whose names contain this, whatever the case of its letters. */
  readonly filter: string;
  /** Fewer kernels, shorter measurements. */
  readonly quick: boolean;
  /** Whether to look at how steps grow, too. */
  readonly scaling: boolean;
}

const budgets: Readonly<Record<"quick" | "full", Budget>> = {
  quick: { sampleMs: 20, totalMs: 120, samples: 5 },
  full: { sampleMs: 50, totalMs: 600, samples: 9 },
};

/**
 * Least time of the largest kernels that a GPU is given. Their plainest variants may take twenty times as long, and some drivers
 * take a GPU that is silent for two seconds for a dead one.
 */
const mostMs = 50;

/** Measures everything on one adapter. @param progress is told what comes next. */
export async function measure(
  place: Result["place"],
  where: EngineOptions,
  { filter, quick, scaling }: SuiteOptions,
  progress: (line: string) => void,
): Promise<Result> {
  const engine = await Engine.create(where);
  const { adapter, traits } = engine;
  const date = new Date().toISOString();
  const budget = quick ? budgets.quick : budgets.full;
  const wanted = (name: string): boolean => name.toLowerCase().includes(filter.toLowerCase());
  try {
    progress(`${adapter}: ceilings`);
    const ceilings = await measureCeilings(engine, budgets.full);
    const kernels: KernelRow[] = [];
    for (const kernelCase of kernelCases) {
      const name = `${kernelCase.family} ${kernelCase.shape}`;
      const { long = false, work } = kernelCase;
      const tooLarge = work && (traits.cpu || boundMs(work, ceilings) > mostMs);
      if (!wanted(name) || tooLarge || (quick && (long || work))) continue;
      progress(name);
      kernels.push(...(await measureKernel(engine, kernelCase, ceilings, budget)));
    }
    const steps: StepRow[] = [];
    for (const workload of workloads.filter(({ name }) => wanted(name))) {
      progress(workload.name);
      steps.push(await measureStep(engine, workload, ceilings, budget));
    }
    const grown: ScalingRow[] = [];
    if (scaling) {
      await measureScaling(engine, budget, quick, (row) => {
        progress(`${row.of} ${row.size}`);
        grown.push(row);
      });
    }
    progress("ceilings once more");
    const ceilingsAfter = await measureCeilings(engine, budgets.full);
    const result: Result = { place, adapter, cpu: traits.cpu, date, quick, ceilings, ceilingsAfter, kernels, steps };
    return scaling ? { ...result, scaling: grown } : result;
  } finally {
    engine.destroy();
  }
}
