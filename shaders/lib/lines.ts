import { indented, wgsl } from "../wgsl.ts";
import { workgroupSize } from "./grid.wgsl.ts";
import type { Part } from "./kernel.ts";
import { plus, tight } from "./view.wgsl.ts";

/** WGSL that combines two values. */
export type FoldOf = (a: string, b: string) => string;
export const sum: FoldOf = (a, b) => `${a} + ${b}`;
export const max: FoldOf = (a, b) => `max(${a}, ${b})`;

/**
 * How a kernel walks the lines it reduces. It is written once and yields two variants. In `serial`, one invocation
 * takes a whole line: for CPU adapters and many short lines. In `tree`, a workgroup takes a line, each invocation every
 * 64th position, and they combine their results in workgroup memory in a fixed order: for GPUs and long lines.
 */
export interface Way {
  /**
   * Statements that define `i`, the line's index. Surplus serial invocations return. @param lines name of the number of
   * lines.
   */
  line(lines: string): readonly string[];
  /** An invocation's first position along its line, and its step: `for (var t = FIRST; t < LENGTH; t += STEP)`. */
  readonly first: string;
  readonly step: string;
  /**
   * For each reduction, `NAME_of_line(value)` combines the values of all invocations of a line. The value must be a
   * name or a call: it may be printed four times, with `.x`, `.y`, … behind it.
   * @param type type of the values.
   * @param width 4 if each value is a vec4, whose components are combined first.
   */
  folds(type: string, folds: Readonly<Record<string, FoldOf>>, width?: 1 | 4): Part;
  /** Statements that only one invocation of a line runs. */
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
  // Reductions may follow each other: workgroupUniformLoad has barriers before and after its load.
  folds: (type, folds, width) => ({
    memory: [{ name: "partial", type, length: workgroupSize, note: "value of each invocation" }],
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

/** Combines the components of a value. */
const ofAll = (fold: FoldOf, v: string, width: 1 | 4 = 1): string =>
  width === 4 ? ["y", "z", "w"].reduce((sum, part) => fold(sum, `${v}.${part}`), `${v}.x`) : v;

/** The lines along one axis of a row-major tensor. */
export interface Lines {
  readonly lines: number;
  /** Elements per line, and the distance between neighbours. */
  readonly length: number;
  readonly inner: number;
}

/** Elements of a line that a kernel reads at once: four if they are contiguous. */
export const widthOf = ({ length, inner }: Lines): 1 | 4 => (inner === 1 && length % 4 === 0 ? 4 : 1);

/**
 * Positions in lines. `place(i, t)` is the index of element t of line i. In loops, `along(begin, t)` is the same for a
 * line that begins at `begin`. `positions(t)` is the position along the line, or four of them.
 */
export function places({ lines, length, inner }: Lines, width: 1 | 4 = 1): Part {
  const begin = (i: string): string =>
    inner === 1 ? `${i} * LENGTH` : inner === lines ? i : `${i} / INNER * (LENGTH * INNER) + ${i} % INNER`;
  const step = (t: string): string => (inner === 1 || t === "0u" ? t : `${tight(t)} * INNER`);
  return {
    constants: {
      LINES: [lines, "in all"],
      LENGTH: [length / width, `${width === 4 ? "vec4s" : "elements"} per line`],
      INNER: [inner, "distance between neighbours in a line"],
    },
    accessors: {
      place: (i, t) => plus(begin(i!), step(t!)),
      along: (begin, t) => plus(begin!, step(t!)),
      positions: (t) => (width === 4 ? `4u * ${t} + vec4u(0u, 1u, 2u, 3u)` : t!),
    },
  };
}
