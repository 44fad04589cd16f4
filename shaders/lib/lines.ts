import { indented, wgsl } from "../wgsl.ts";
import { workgroupSize } from "./grid.wgsl.ts";
import type { Part } from "./kernel.ts";
import { plus, tight } from "./view.wgsl.ts";

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
  line(lines: string): readonly string[];
  /** First position of an invocation along its line, and the distance to the next: `for (var t = FIRST; t < LENGTH; t += STEP)`. */
  readonly first: string;
  readonly step: string;
  /**
   * For each fold, `NAME_of_line(value)`: what all invocations of a line have, folded. The value is a name or a call.
   * @param type of the folded values.
   * @param width 4 where each value is four of them, which are folded first.
   */
  folds(type: string, folds: Readonly<Record<string, FoldOf>>, width?: 1 | 4): Part;
  /** Statements that one invocation of a line runs. */
  once(...lines: readonly string[]): readonly string[];
}

export const serial: Way = {
  line: (lines) => ["let i = id.x;", `if (i >= ${lines}) { return; }`],
  first: "0u",
  step: "1u",
  folds: (_, folds, width) => ofLine(folds, (_, fold, value) => ofAll(fold, value, width)),
  once: (...lines) => lines,
};

export const tree: Way = {
  line: () => ["let i = group.x;"],
  first: "lane",
  step: `${workgroupSize}u`,
  // A fold may follow another: the uniform load that it ends with stands between two barriers.
  folds: (type, folds, width) => ({
    memory: [{ name: "partial", type, length: workgroupSize, note: "of each invocation" }],
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
    ...ofLine(folds, (name, fold, value) => `${name}_of_all(lane, ${ofAll(fold, value, width)})`),
  }),
  once: (...lines) => (lines.length > 0 ? ["if (lane == 0u) {", ...indented(lines), "}"] : []),
};

const ofLine = (
  folds: Readonly<Record<string, FoldOf>>,
  text: (name: string, fold: FoldOf, value: string) => string,
): Part => ({
  accessors: Object.fromEntries(
    Object.entries(folds).map(([name, fold]) => [`${name}_of_line`, (value: string) => text(name, fold, value)]),
  ),
});

/** The parts of a value, folded. */
const ofAll = (fold: FoldOf, v: string, width: 1 | 4 = 1): string =>
  width === 4 ? ["y", "z", "w"].reduce((sum, part) => fold(sum, `${v}.${part}`), `${v}.x`) : v;

/** The lines along one axis of a tensor in row-major order. */
export interface Lines {
  readonly lines: number;
  /** Elements of a line, and the distance between its neighbours. */
  readonly length: number;
  readonly inner: number;
}

/** Elements of a line that a kernel takes at once: four, where they are neighbours in memory. */
export const widthOf = ({ length, inner }: Lines): 1 | 4 => (inner === 1 && length % 4 === 0 ? 4 : 1);

/**
 * Where lines lie. `place(i, t)` is the index of element t of line i. In two steps, for loops: `along(begin, t)`, where the line begins at
 * `begin`. `positions(t)` of that element along its line, or of all four.
 */
export function places({ lines, length, inner }: Lines, width: 1 | 4 = 1): Part {
  const begin = (i: string): string =>
    inner === 1 ? `${i} * LENGTH` : inner === lines ? i : `${i} / INNER * (LENGTH * INNER) + ${i} % INNER`;
  const step = (t: string): string => (inner === 1 || t === "0u" ? t : `${tight(t)} * INNER`);
  return {
    constants: [
      { name: "LINES", value: `${lines}u` },
      { name: "LENGTH", value: `${length / width}u`, note: `${width === 4 ? "vec4" : "elements"} of a line` },
      { name: "INNER", value: `${inner}u`, note: "distance between neighbours of a line" },
    ],
    accessors: {
      place: (i, t) => plus(begin(i!), step(t!)),
      along: (begin, t) => plus(begin!, step(t!)),
      positions: (t) => (width === 4 ? `4u * ${t} + vec4u(0u, 1u, 2u, 3u)` : t!),
    },
  };
}
