import type { Program, Variable } from "../../src/index.ts";
import { ReferenceProgram } from "../../src/reference/index.ts";
import type { Runner } from "../../src/runtime/runner.ts";
import type { Graph } from "../cases/case.ts";

/** Results by name. */
export type Results = Readonly<Record<string, ArrayLike<number>>>;

/** Most operations to recompute in float64: about a second's worth. */
const mostFlops = 4e7;

/** The float64 results of a graph. */
export function referenceOf(graph: Graph): Results {
  const program = new ReferenceProgram(graph);
  const outputs = Object.entries(program.run()).map(([name, { data }]) => [name, data] as const);
  const updated = (graph.updates ?? []).map(([variable], i) => [nameOf(variable, i), program.read(variable)] as const);
  return Object.fromEntries([...outputs, ...updated]);
}

/** The same; undefined if they would take too long. */
export const reference = (graph: Graph, flops: number): Results | undefined =>
  flops > mostFlops ? undefined : referenceOf(graph);

/** Runs a program once and reads all its results. */
export async function results(engine: Runner, program: Program, { updates = [] }: Graph): Promise<Results> {
  await program.run();
  const read: Record<string, ArrayLike<number>> = {};
  for (const [name, output] of Object.entries(program.outputs)) read[name] = await output.data();
  for (const [i, [variable]] of updates.entries()) read[nameOf(variable, i)] = await engine.read(variable);
  return read;
}

const nameOf = (variable: Variable, i: number): string => `${variable.name}, update ${i}`;

/** Largest difference, relative to the largest value of a result. */
const tolerance = 2e-4;

/** A value that differs from the one wanted by more than rounding. */
export interface WrongValue {
  readonly name: string;
  readonly index: number;
  readonly got: number;
  readonly expected: number;
}

/** How results compare with those of the reference. */
export interface Comparison {
  /** The largest difference, relative to the largest value of its result. */
  readonly largestError: number;
  /** The first value that is wrong, by the order of results and of memory. */
  readonly wrong?: WrongValue;
  /** Values that are NaN in the reference. Nothing is promised of these: WGSL may assume that NaN does not occur. */
  readonly notNumbers: number;
}

/** Compares results with those of the reference. */
export function compare(got: Results, wanted: Results): Comparison {
  let [largestError, notNumbers] = [0, 0];
  let wrong: WrongValue | undefined;
  for (const [name, expected] of Object.entries(wanted)) {
    const given = got[name]!;
    let largest = 0;
    for (let i = 0; i < expected.length; i++) largest = Math.max(largest, Math.abs(expected[i]!) || 0);
    for (let index = 0; index < expected.length; index++) {
      if (Number.isNaN(expected[index])) {
        notNumbers++;
        continue;
      }
      const difference = Math.abs(given[index]! - expected[index]!);
      const error = difference === 0 ? 0 : difference / largest;
      if (error > largestError) largestError = error;
      // Written this way so that NaN fails.
      if (error <= tolerance) continue;
      wrong ??= { name, index, got: given[index]!, expected: expected[index]! };
    }
  }
  return { largestError, notNumbers, ...(wrong && { wrong }) };
}

/** Describes where results differ by more than rounding; undefined if they agree. */
export function difference(got: Results, wanted: Results): string | undefined {
  const { wrong } = compare(got, wanted);
  return wrong && `${wrong.name}[${wrong.index}] is ${wrong.got}, expected ${wrong.expected}`;
}
