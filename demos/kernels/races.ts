import type { Compiled } from "../../src/compile/compile.ts";
import type { Finding } from "../../src/races/findings.ts";
import { watch } from "../../src/selfcheck/watch.ts";

/** Rounds of loops that the race finder takes, some seconds of work. */
const mostRounds = 2 ** 25;

/**
 * Runs kernels on the CPU, each invocation watched. @returns what is wrong with their memory accesses, in words.
 * @throws LimitError for a problem too large.
 */
export function faultsOf(compiled: Compiled, subgroupSize = 32): readonly string[] {
  const how = { subgroupSize, order: "forward", outside: "zero", maxSteps: mostRounds } as const;
  const { findings } = watch("the race finder", compiled, {}, how);
  const [loads, faults] = [findings.filter(isPastEnd), findings.filter((finding) => !isPastEnd(finding))];
  const names = [...new Set(loads.map(({ name }) => name))].join(", ");
  return [
    ...faults.map(({ message }) => message),
    ...(names ? [`Loads past the end of ${names}: WebGPU makes them safe, and their results must not be stored.`] : []),
  ];
}

/** Whether a finding is a load past the end of memory, which tiles make at the edges of matrices. */
const isPastEnd = ({ kind, access }: Finding): boolean => kind === "bounds" && access.does === "reads";
