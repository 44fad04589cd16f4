import { indented } from "../wgsl.ts";
import { workgroupSize } from "./grid.wgsl.ts";

/** Text of two values folded into one. */
export type FoldOf = (a: string, b: string) => string;
export const sum: FoldOf = (a, b) => `${a} + ${b}`;
export const max: FoldOf = (a, b) => `max(${a}, ${b})`;

/**
 * How a kernel goes along lines that it folds. Such a kernel is written once and is two variants: `serial`, where an invocation
 * takes a whole line and meets no barrier, for CPU adapters and for many short lines; and `tree`, where a workgroup takes it, each
 * invocation every 64th position, and what they have is folded over workgroup memory in a fixed order, for GPUs and long lines.
 */
export interface Way {
  /** What the folds over a workgroup take, by name: workgroup memory for values of one type, and a function each. */
  declare(type: string, folds: Readonly<Record<string, FoldOf>>): string[];
  /** The entry point's beginning, up to `i`: the number of a line, of `lines`. */
  enter(lines: string): string;
  /** Number of the invocation among those of its line. */
  readonly lane: string;
  /** Head of a loop of `name` from 0 to below `count`. */
  each(name: string, count: string): string;
  /** What the invocations of a line have in `value`, folded, to all of them. */
  fold(name: string, value: string): string;
  /** Statements that one invocation of a line runs. */
  once(lines: readonly string[]): readonly string[];
}

export const serial: Way = {
  declare: () => [],
  enter: (lines) => `@compute @workgroup_size(${workgroupSize})
fn main(@builtin(global_invocation_id) id: vec3u) {
  let i = id.x;
  if (i >= ${lines}) { return; }`,
  lane: "0u",
  each: (name, count) => `for (var ${name} = 0u; ${name} < ${count}; ${name}++)`,
  fold: (_, value) => value,
  once: (lines) => lines,
};

export const tree: Way = {
  // A fold may follow another: the uniform load that it ends with stands between two barriers.
  declare: (type, folds) => [
    `var<workgroup> partial: array<${type}, ${workgroupSize}>;`,
    ...Object.entries(folds).map(
      ([name, fold]) => `fn ${name}_of_all(lane: u32, mine: ${type}) -> ${type} {
  partial[lane] = mine;
  for (var half = ${workgroupSize / 2}u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (lane < half) { partial[lane] = ${fold("partial[lane]", "partial[lane + half]")}; }
  }
  return workgroupUniformLoad(&partial[0]);
}`,
    ),
  ],
  enter: () => `@compute @workgroup_size(${workgroupSize})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let i = group.x;`,
  lane: "lane",
  each: (name, count) => `for (var ${name} = lane; ${name} < ${count}; ${name} += ${workgroupSize}u)`,
  fold: (name, value) => `${name}_of_all(lane, ${value})`,
  once: (lines) => ["if (lane == 0u) {", ...indented(lines), "}"],
};

/** The four parts of a vec4, folded. */
export const ofFour = (fold: FoldOf, v: string): string =>
  ["y", "z", "w"].reduce((sum, part) => fold(sum, `${v}.${part}`), `${v}.x`);
