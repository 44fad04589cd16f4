import { compile } from "../../src/compile/compile.ts";
import { Engine, LimitError } from "../../src/index.ts";
import type { AdapterTraits } from "../../src/kernels/traits.ts";
import { type Graph, type KernelCase, variantsOf } from "../cases/case.ts";
import { difference, type Results, reference } from "./check.ts";
import type { Budget } from "./clock.ts";
import { runRecorded, timeDispatches } from "./program.ts";
import { type Ceilings, figuresOf, type KernelFault, type KernelRow, type KernelTime, workOf } from "./result.ts";

/**
 * Times a kernel case in each variant that fits the adapter; with `quick`, only in those worth measuring by the
 * family's own rule of thumb, and in the definition where that is fast enough. A variant whose results differ from the
 * reference (or, if that would take too long, from the first variant's) is reported and not timed.
 */
export async function* measureKernel(
  engine: Engine,
  kernelCase: KernelCase,
  ceilings: Ceilings,
  budget: Budget,
  quick: boolean,
): AsyncGenerator<KernelRow, void> {
  const { family, shape, forces } = kernelCase;
  const bench = new CaseBench(engine.device, kernelCase, ceilings, budget);
  const { chosen, variants } = measurable(kernelCase, kernelCase.build(), engine.traits, quick);
  let naiveMs: number | undefined;
  for (const variant of variants) {
    const row = await bench.measure(variant, forces?.name);
    if (!row) continue;
    if (variant === "naive" && "ms" in row) naiveMs = row.ms;
    const timesNaive = naiveMs !== undefined && "ms" in row ? { timesNaive: naiveMs / row.ms } : {};
    yield { family, shape, ...row, ...timesNaive, chosen: variant === chosen };
  }
}

/** The variants of a case to measure, and the engine's choice. */
export function measurable(
  { forces: family }: KernelCase,
  graph: Graph,
  traits: AdapterTraits,
  quick: boolean,
): { readonly chosen: string; readonly variants: readonly string[] } {
  if (!family) return { chosen: "only", variants: ["only"] };
  const variants = variantsOf({ forces: family }, traits.extra);
  const { name: forces } = family;
  const calls = compile(graph, traits, new Map(), { merge: false }).calls.filter(({ family }) => family === forces);
  const chosen = calls[0]?.variant ?? "only";
  if (!quick) return { chosen, variants };
  const choices = calls
    .flatMap(({ choices = [] }) => choices)
    .filter(({ problem }) => problem.startsWith(`${forces} `));
  const work = calls.reduce((sum, { flops }) => sum + flops, 0);
  const worth = new Set([
    chosen,
    ...(work <= (traits.cpu ? quickest.cpu : quickest.gpu) ? ["naive"] : []),
    ...choices.flatMap(({ variants }) => variants.filter(({ score = -1 }) => score >= 0).map(({ variant }) => variant)),
  ]);
  return { chosen, variants: variants.filter((variant) => worth.has(variant)) };
}

/**
 * Operations above which `--quick` leaves out the definition: it would take longer than all other variants together.
 */
const quickest = { cpu: 3e8, gpu: 3e10 };

type Place = "family" | "shape" | "chosen";
type Measured = Omit<KernelTime, Place> | Omit<KernelFault, Place>;

/**
 * Measures one case under engines that force one variant after the other on one device. Each engine gets its own graph,
 * since variables stay with the engine that changed them.
 */
class CaseBench {
  readonly #device: GPUDevice;
  readonly #case: KernelCase;
  readonly #ceilings: Ceilings;
  readonly #budget: Budget;
  #wanted: Results | undefined;

  constructor(device: GPUDevice, kernelCase: KernelCase, ceilings: Ceilings, budget: Budget) {
    this.#device = device;
    this.#case = kernelCase;
    this.#ceilings = ceilings;
    this.#budget = budget;
  }

  /** Undefined if the variant does not fit the adapter or the problem. */
  async measure(variant: string, forces: string | undefined): Promise<Measured | undefined> {
    const engine = await Engine.create({ device: this.#device });
    // Not by the option: to check its names, an engine loads all families, which a page would have to carry.
    if (forces !== undefined) Object.assign(engine.traits, { forced: { [forces]: { ifFits: variant } } });
    try {
      return await this.#measureOn(engine, variant, forces);
    } catch (error) {
      if (error instanceof LimitError) return undefined;
      return { variant, wrong: (error as Error).message };
    } finally {
      engine.destroy();
    }
  }

  async #measureOn(engine: Engine, variant: string, forces: string | undefined): Promise<Measured | undefined> {
    const graph = this.#case.build();
    const start = performance.now();
    const program = await engine.compile(graph);
    const compileMs = performance.now() - start;
    const { kernels } = program.inspect();
    const fits = kernels.some((kernel) => kernel.family === forces && kernel.variant === variant);
    if (forces !== undefined && !fits) return undefined;

    const { dispatches, got } = await runRecorded(engine, program, graph);
    this.#wanted ??= reference(this.#case.build(), workOf(kernels).flops) ?? got;
    const wrong = difference(got, this.#wanted);
    if (wrong) return { variant, wrong };

    const timing = await timeDispatches(engine, dispatches, this.#budget);
    engine.check();
    return {
      variant,
      ...timing,
      compileMs,
      dispatches: dispatches.length,
      ...figuresOf(kernels, timing, this.#ceilings),
    };
  }
}
