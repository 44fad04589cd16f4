import { Engine, type EngineOptions } from "../../src/index.ts";
import type { KernelCase } from "../cases/case.ts";
import type { Workload } from "../workloads.ts";
import { measureCeilings } from "./ceilings.ts";
import { budgets } from "./clock.ts";
import { measureKernel } from "./kernels.ts";
import { boundMs, type Reporter, type Result } from "./result.ts";
import { threadsOf, whereAmI } from "./runtime.ts";
import { measureStep } from "./steps.ts";

/** What there is to measure. */
export interface Plan {
  readonly kernels: readonly KernelCase[];
  readonly steps: readonly Workload[];
}

/** What to measure of a plan: plain data, since it is also sent to a page. */
export interface SuiteOptions {
  /** Only kernels and steps whose names contain this, ignoring case. */
  readonly filter: string;
  /** Fewer kernels, shorter measurements. */
  readonly quick: boolean;
  /** Whether to also measure how steps grow. */
  readonly scaling: boolean;
  /** Whether it is a speed test: a few families from the definition up, in short measurements. */
  readonly speed: boolean;
}

/**
 * Longest least time of the large kernels for a GPU. Their plainest variants may take twenty times as long, and some
 * drivers reset a GPU that does not respond for two seconds.
 */
const mostMs = 50;

/** Whether the filter selects a kernel or a step. */
export const isWanted = (name: string, { filter }: Pick<SuiteOptions, "filter">): boolean =>
  name.toLowerCase().includes(filter.toLowerCase());

/** An adapter's name. That of WebAssembly says on how many threads it computes. */
function named({ adapter, backend, device }: Engine): string {
  const threads = backend === "wasm" ? threadsOf(device) : 1;
  return threads > 1 ? `${adapter}, ${threads} threads` : adapter;
}

/** Something to measure. */
interface Job {
  readonly name: string;
  run(): Promise<void>;
}

/**
 * Measures a plan on one adapter.
 * @param report is called with what comes next, and with each row.
 * @throws Error if the filter matches nothing.
 */
export async function measure(
  place: Result["place"],
  where: EngineOptions,
  plan: Plan,
  options: SuiteOptions,
  report: Reporter,
): Promise<void> {
  const { filter, quick, scaling, speed } = options;
  const engine = await Engine.create(where);
  const { traits } = engine;
  const adapter = named(engine);
  const budget = quick ? budgets.quick : budgets.full;
  /** For the ceilings, which all shares of the roofline depend on. */
  const atMost = speed ? budgets.quick : budgets.full;
  try {
    const cases = plan.kernels.filter(({ family, shape, long = false, work }) => {
      const isTooLong = (quick && !speed && (long || work)) || (traits.cpu && work);
      return isWanted(`${family} ${shape}`, options) && !isTooLong;
    });
    const steps = plan.steps.filter(({ name }) => isWanted(name, options));
    if (cases.length + steps.length === 0 && !scaling) {
      throw new Error(`nothing${quick ? " of --quick" : ""} on ${adapter} has "${filter}" in its name`);
    }
    await report({ next: `${adapter}: ceilings` });
    const date = new Date().toISOString();
    const about = { place, adapter, cpu: traits.cpu, date, quick, ...whereAmI() };
    const ceilings = await measureCeilings(engine, atMost, (ceiling) => report({ ceiling }));
    await report({ begun: { ...about, ceilings, kernels: [], steps: [] } });
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
    // On demand, since pages do not need it.
    const growing = scaling ? (await import("./scaling.ts")).scalings(engine, budget, quick) : [];
    const scalingJobs = growing.map(
      ({ name, row }): Job => ({ name, run: async () => report({ grown: await row() }) }),
    );
    const last: Job = {
      name: "ceilings once more",
      run: async () => report({ ceilingsAfter: await measureCeilings(engine, atMost) }),
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
