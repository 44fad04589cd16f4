import { indented, wgsl } from "../wgsl.ts";
import { workgroupSize } from "./grid.wgsl.ts";
import type { Memory, Part } from "./kernel.ts";

/** Text of two values folded into one. */
export type FoldOf = (a: string, b: string) => string;
export const sum: FoldOf = (a, b) => `${a} + ${b}`;
export const max: FoldOf = (a, b) => `max(${a}, ${b})`;

/**
 * How a kernel goes along lines that it folds. Such a kernel is written once and is two variants: `serial`, where one invocation
 * takes a whole line, for CPU adapters and for many short lines; and `tree`, where a workgroup takes it, each invocation every 64th
 * position, and they fold what they have through workgroup memory in a fixed order, for GPUs and long lines.
 */
export interface Way {
  /** Statements that find `i`, the number of the line. Serial invocations beyond the last leave. @param lines name of their number. */
  line(lines: string): string;
  /** First position of an invocation along its line, and the distance to the next: `for (var t = FIRST; t < LENGTH; t += STEP)`. */
  readonly first: string;
  readonly step: string;
  /** For each fold, `NAME_of_line(value)`: what all invocations of a line have, folded. @param type of the values, all of one. */
  folds(type: string, folds: Readonly<Record<string, FoldOf>>): Part;
  memory(type: string): readonly Memory[];
  /** Statements that one invocation of a line runs. */
  once(...lines: readonly string[]): readonly string[];
}

export const serial: Way = {
  line: (lines) => wgsl`
    let i = id.x;
    if (i >= ${lines}) { return; }`,
  first: "0u",
  step: "1u",
  folds: (_, folds) => ({
    accessors: Object.fromEntries(Object.keys(folds).map((name) => [`${name}_of_line`, (value: string) => value])),
  }),
  memory: () => [],
  once: (...lines) => lines,
};

export const tree: Way = {
  line: () => "let i = group.x;",
  first: "lane",
  step: `${workgroupSize}u`,
  // A fold may follow another: the uniform load that it ends with stands between two barriers.
  folds: (type, folds) => ({
    functions: Object.entries(folds).map(
      ([name, fold]) => wgsl`
fn ${name}_of_all(lane: u32, mine: ${type}) -> ${type} {
  partial[lane] = mine;
  for (var half = ${workgroupSize / 2}u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (lane < half) { partial[lane] = ${fold("partial[lane]", "partial[lane + half]")}; }
  }
  return workgroupUniformLoad(&partial[0]);
}`,
    ),
    accessors: Object.fromEntries(
      Object.keys(folds).map((name) => [`${name}_of_line`, (value: string) => `${name}_of_all(lane, ${value})`]),
    ),
  }),
  memory: (type) => [{ name: "partial", type, length: workgroupSize, note: "of each invocation" }],
  once: (...lines) => ["if (lane == 0u) {", ...indented(lines), "}"],
};

/** The four parts of a vec4, folded. */
export const ofFour = (fold: FoldOf, v: string): string =>
  ["y", "z", "w"].reduce((sum, part) => fold(sum, `${v}.${part}`), `${v}.x`);
