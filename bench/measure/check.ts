import type { Engine, Program, Variable } from "../../src/index.ts";
import { ReferenceProgram } from "../../src/reference/index.ts";
import type { Graph } from "../cases/case.ts";

/** Results by name. */
export type Results = Readonly<Record<string, ArrayLike<number>>>;

/** Most operations to recompute in float64: about a second's worth. */
const mostFlops = 4e7;

/** The float64 results of a graph; undefined if they would take too long. */
export function reference(graph: Graph, flops: number): Results | undefined {
  if (flops > mostFlops) return undefined;
  const program = new ReferenceProgram(graph);
  const outputs = Object.entries(program.run()).map(([name, { data }]) => [name, data] as const);
  const updated = (graph.updates ?? []).map(([variable], i) => [nameOf(variable, i), program.read(variable)] as const);
  return Object.fromEntries([...outputs, ...updated]);
}

/** Runs a program once and reads all its results. */
export async function results(engine: Engine, program: Program, { updates = [] }: Graph): Promise<Results> {
  await program.run();
  const read: Record<string, ArrayLike<number>> = {};
  for (const [name, output] of Object.entries(program.outputs)) read[name] = await output.data();
  for (const [i, [variable]] of updates.entries()) read[nameOf(variable, i)] = await engine.read(variable);
  return read;
}

const nameOf = (variable: Variable, i: number): string => `${variable.name}, update ${i}`;

/** Largest difference, relative to the largest value of a result. */
const tolerance = 2e-4;

/** Describes where results differ by more than rounding; undefined if they agree. */
export function difference(got: Results, wanted: Results): string | undefined {
  for (const [name, expected] of Object.entries(wanted)) {
    const given = got[name]!;
    let largest = 0;
    for (let i = 0; i < expected.length; i++) largest = Math.max(largest, Math.abs(expected[i]!));
    for (let i = 0; i < expected.length; i++) {
      // Written this way so that NaN fails.
      if (Math.abs(given[i]! - expected[i]!) <= tolerance * largest) continue;
      return `${name}[${i}] is ${given[i]}, expected ${expected[i]}`;
    }
  }
  return undefined;
}
