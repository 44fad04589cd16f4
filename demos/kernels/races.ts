import type { Compiled } from "../../src/compile/compile.ts";
import type { Finding } from "../../src/races/findings.ts";
import { watch } from "../../src/selfcheck/watch.ts";
import type { Races } from "./rows.ts";

/** Rounds of loops that the race finder takes, some seconds of work. */
const mostRounds = 2 ** 25;

/** Runs kernels on the CPU, each invocation watched. @throws LimitError for a problem too large. */
export function racesOf(compiled: Compiled, subgroupSize = 32): Races {
  const how = { subgroupSize, order: "forward", outside: "zero", maxSteps: mostRounds } as const;
  const { findings } = watch("the race finder", compiled, {}, how);
  return {
    faults: findings.filter((finding) => !isPastEnd(finding)).map(({ message }) => message),
    pastEnd: [...new Set(findings.filter(isPastEnd).map(({ name }) => name))].sort(),
  };
}

const isPastEnd = ({ kind, access }: Finding): boolean => kind === "bounds" && access.does === "reads";
