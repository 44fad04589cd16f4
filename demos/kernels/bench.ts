import type { Graph } from "../../bench/cases/case.ts";
import { measureRoof } from "../../bench/measure/ceilings.ts";
import { compare, type Results, referenceOf } from "../../bench/measure/check.ts";
import { budgets } from "../../bench/measure/clock.ts";
import { clockOf, runRecorded, timeDispatches } from "../../bench/measure/program.ts";
import { carries, clockStep } from "../../bench/measure/resolution.ts";
import type { Compiled } from "../../src/compile/compile.ts";
import { virtualBuffer } from "../../src/compile/homes.ts";
import { plan } from "../../src/compile/plan.ts";
import type { Tensor } from "../../src/graph/tensor.ts";
import type { CompilerError, PrintedCall } from "../../src/kernels/call.ts";
import { loadExtra } from "../../src/kernels/extra.ts";
import type { ExtraVariants } from "../../src/kernels/traits.ts";
import { Runner } from "../../src/runtime/runner.ts";
import { wanted } from "../parts/backend.ts";
import { compiled, graphOf } from "./graphs.ts";
import {
  type About,
  type Bounds,
  type Edit,
  type Ladder,
  type ModelledKernel,
  type Outcome,
  type Problem,
  problemKey,
  type Races,
  type Source,
} from "./rows.ts";
import { workOf } from "./works.ts";

/** Measures kernels on a GPU: in a worker. Everything that goes in and out is plain data. */
export class Bench {
  #runner!: Runner;
  #extra!: ExtraVariants;
  #roof: Bounds | undefined;
  /** The reference's results of the last problem. */
  #wanted: { readonly key: string; readonly results: Results } | undefined;

  /** Opens a GPU. @throws DeviceError without one. */
  async open(): Promise<About> {
    this.#runner = await Runner.create(wanted);
    this.#extra = await loadExtra(this.#runner.traits);
    const { adapter, traits, backend, backendReason } = this.#runner;
    const { cpu, features, maxInvocations } = traits;
    const clock = clockOf(this.#runner);
    return { adapter, cpu, backend, backendReason, features: [...features], maxInvocations, clock };
  }

  /** Resolves when the device is lost, with the reason. */
  async lost(): Promise<string> {
    return (await this.#runner.lost).message;
  }

  /** What bounds every kernel on this adapter, measured once. */
  async roof(): Promise<Bounds> {
    this.#roof ??= await measureRoof(this.#runner, budgets.quick);
    return this.#roof;
  }

  /** The variants of a problem's family, the definition first. */
  ladder(problem: Problem): Ladder {
    const { family } = workOf(problem.work);
    const all = this.#compiled(problem).calls;
    const calls = all.filter((call) => call.family === family);
    if (!calls[0]) {
      const others = [...new Set(all.map((call) => call.family))].join(" and ");
      throw new Error(`At these sizes, tilegrad computes this with kernels of other families: ${others}.`);
    }
    const { variant: chosen } = calls[0];
    const choice = calls[0].choices?.find(({ problem }) => problem.startsWith(`${family} `));
    const candidates = choice?.variants ?? [{ variant: chosen }];
    // A chosen variant may have a file of its own.
    const definition = this.#compiled(problem, candidates[0]!.variant).calls.find((call) => call.family === family);
    return {
      chosen,
      source: definition!.source!,
      variants: candidates.map(({ variant, lacks }) => ({ variant, lacks })),
    };
  }

  /** The kernels of a variant. */
  source(problem: Problem, variant: string): readonly Source[] {
    const { calls } = this.#compiled(problem, variant);
    return calls.map(({ label, workgroups, wgsl, annotated }) => ({ label, workgroups, wgsl: annotated?.() ?? wgsl }));
  }

  /**
   * Checks a variant against the reference, and times it if it is right.
   * @param edits other texts for some of its kernels. @param ends whether their loops are known to end.
   */
  async measure(problem: Problem, variant: string, edits: readonly Edit[] = [], ends = false): Promise<Outcome> {
    const runner = this.#runner;
    const compiled = this.#compiled(problem, variant);
    const { family } = workOf(problem.work);
    if (!compiled.calls.some((call) => call.family === family && call.variant === variant)) {
      return { state: "absent" };
    }
    try {
      if (edits.length > 0 && !ends) {
        const line = await this.#endedLoop(compiled, edits);
        if (line > 0) return { state: "endless", line };
      }
      return await this.#measure(problem, compiled.graph, withEdits(compiled, edits));
    } finally {
      runner.free(compiled.variables);
    }
  }

  async #measure(problem: Problem, graph: Graph, compiled: Compiled): Promise<Outcome> {
    const runner = this.#runner;
    const start = performance.now();
    const program = await runner.realize(compiled);
    const compileMs = performance.now() - start;
    try {
      const { got, dispatches } = await runRecorded(runner, program, graph);
      const comparison = compare(got, this.#reference(problem));
      if (comparison.wrong) return { state: "wrong", comparison };
      const timing = await timeDispatches(runner, dispatches, budgets.quick);
      runner.check();
      const stepMs = await clockStep(runner, dispatches);
      const right = { state: "right", comparison, compileMs, stepMs, dispatches: dispatches.length } as const;
      if (!carries(timing, stepMs)) return right;
      return { ...right, time: timing, work: compiled.calls.map(({ flops, bytes }) => ({ flops, bytes })) };
    } finally {
      program.destroy();
    }
  }

  /** Runs edited kernels with a limit for their loops. @returns the line of a loop that reached it, or 0. */
  async #endedLoop(compiled: Compiled, edits: readonly Edit[]): Promise<number> {
    const flag = virtualBuffer("scratch", "line of an ended loop", 16, { pinned: true });
    const binding = { buffer: flag, offset: 0, size: 16, access: "read_write" } as const;
    const { limited } = await import("./limit.ts");
    const calls = withEdits(compiled, edits).calls.map((call, i) =>
      edits.some(({ kernel }) => kernel === i)
        ? { ...call, wgsl: limited(call.wgsl, call.bindings.length), bindings: [...call.bindings, binding] }
        : call,
    );
    const outputs = { line: { buffer: flag, base: 0, shape: [1], dtype: "u32" as const } };
    const program = await this.#runner.realize<{ line: Tensor<"u32"> }>({
      ...compiled,
      calls,
      ...plan(calls),
      outputs,
    });
    try {
      return (await program.compute()).line[0]!;
    } finally {
      program.destroy();
    }
  }

  /** Runs a variant on the CPU, each invocation watched. @throws LimitError for a problem too large. */
  async races(problem: Problem, variant: string, edits: readonly Edit[]): Promise<Races> {
    const { racesOf } = await import("./races.ts");
    return racesOf(withEdits(this.#compiled(problem, variant), edits), this.#runner.traits.subgroupSize);
  }

  /**
   * Counts what a kernel of a variant asks of memory, and models it on described GPUs.
   * @throws FormatError for a text that cannot be counted.
   */
  async modelled(problem: Problem, variant: string, kernel: number, edits: readonly Edit[]): Promise<ModelledKernel> {
    const { modelledKernel } = await import("./traffic.ts");
    return modelledKernel(withEdits(this.#compiled(problem, variant), edits), kernel, this.#runner.traits.subgroupSize);
  }

  /** The compiler's errors in a text. */
  async errors(wgsl: string): Promise<readonly CompilerError[]> {
    const { compilerErrors } = await import("../parts/compilerErrors.ts");
    return compilerErrors(this.#runner.device, wgsl);
  }

  #compiled(problem: Problem, variant?: string) {
    const { traits, residence } = this.#runner;
    // One binding is kept for the flag of ended loops.
    const adapter = { ...traits, extra: this.#extra, maxStorageBuffers: traits.maxStorageBuffers - 1 };
    return compiled(problem, variant, adapter, residence.homes);
  }

  #reference(problem: Problem): Results {
    const key = problemKey(problem);
    if (this.#wanted?.key !== key) {
      this.#wanted = { key, results: referenceOf(graphOf(problem.work, problem.sizes, problem.nan)) };
    }
    return this.#wanted.results;
  }
}

/** Other texts for some kernels. Bindings stay. */
const withEdits = (compiled: Compiled, edits: readonly Edit[]): Compiled => ({
  ...compiled,
  calls: compiled.calls.map((call, i): PrintedCall => {
    const edit = edits.find(({ kernel }) => kernel === i);
    return edit ? { ...call, wgsl: edit.wgsl, workgroups: edit.workgroups } : call;
  }),
});
