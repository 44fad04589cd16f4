import { Engine, type EngineOptions } from "../../src/index.ts";
import { kernelCases } from "../cases/index.ts";
import { workloads } from "../workloads.ts";
import { measureCeilings } from "./ceilings.ts";
import type { Budget } from "./clock.ts";
import { measureKernel } from "./kernels.ts";
import { boundMs, type Reporter, type Result } from "./result.ts";
import { scalings } from "./scaling.ts";
import { measureStep } from "./steps.ts";

/** What to measure: plain data, since it is also sent to a page. */
export interface SuiteOptions {
  /** Only kernels and steps whose names contain this, ignoring case. */
  readonly filter: string;
  /** Fewer kernels, shorter measurements. */
  readonly quick: boolean;
  /** Whether to also measure how steps grow. */
  readonly scaling: boolean;
}

const budgets: Readonly<Record<"quick" | "full", Budget>> = {
  quick: { sampleMs: 20, totalMs: 120, samples: 5 },
  full: { sampleMs: 50, totalMs: 600, samples: 9 },
};

/**
 * Longest least time of the large kernels for a GPU. Their plainest variants may take twenty times as long, and some
 * drivers reset a GPU that does not respond for two seconds.
 */
const mostMs = 50;

/** Whether the filter selects a kernel or a step. */
export const isWanted = (name: string, { filter }: SuiteOptions): boolean =>
  name.toLowerCase().includes(filter.toLowerCase());

/** Something to measure. */
interface Job {
  readonly name: string;
  run(): Promise<void>;
}

/**
 * Measures everything on one adapter.
 * @param report is called with what comes next, and with each row.
 * @throws Error if the filter matches nothing.
 */
export async function measure(
  place: Result["place"],
  where: EngineOptions,
  options: SuiteOptions,
  report: Reporter,
): Promise<void> {
  const { filter, quick, scaling } = options;
  const engine = await Engine.create(where);
  const { adapter, traits } = engine;
  const budget = quick ? budgets.quick : budgets.full;
  try {
    const cases = kernelCases.filter(({ family, shape, long = false, work }) => {
      return isWanted(`${family} ${shape}`, options) && !(quick && (long || work)) && !(traits.cpu && work);
    });
    const steps = workloads.filter(({ name }) => isWanted(name, options));
    if (cases.length + steps.length === 0 && !scaling) {
      throw new Error(`nothing${quick ? " of --quick" : ""} on ${adapter} has "${filter}" in its name`);
    }
    await report({ next: `${adapter}: ceilings` });
    const date = new Date().toISOString();
    const ceilings = await measureCeilings(engine, budgets.full);
    await report({ begun: { place, adapter, cpu: traits.cpu, date, quick, ceilings, kernels: [], steps: [] } });
    const kernelJobs = cases
      .filter(({ work }) => !work || boundMs(work, ceilings) <= mostMs)
      .map((kernelCase): Job => {
        const rows = () => measureKernel(engine, kernelCase, ceilings, budget, quick);
        const run = async (): Promise<void> => {
          for await (const kernel of rows()) await report({ kernel });
        };
        return { name: `${kernelCase.family} ${kernelCase.shape}`, run };
      });
    const stepJobs = steps.map((workload): Job => {
      const step = () => measureStep(engine, workload, ceilings, budget);
      return { name: workload.name, run: async () => report({ step: await step() }) };
    });
    const growing = scaling ? scalings(engine, budget, quick) : [];
    const scalingJobs = growing.map(
      ({ name, row }): Job => ({ name, run: async () => report({ grown: await row() }) }),
    );
    const last: Job = {
      name: "ceilings once more",
      run: async () => report({ ceilingsAfter: await measureCeilings(engine, budgets.full) }),
    };
    const jobs = [...kernelJobs, ...stepJobs, ...scalingJobs, last];
    for (const [i, { name, run }] of jobs.entries()) {
      await report({ next: name, at: i + 1, of: jobs.length });
      await run();
    }
  } finally {
    engine.destroy();
  }
}
