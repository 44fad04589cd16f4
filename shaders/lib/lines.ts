import { indented, wgsl } from "../wgsl.ts";
import { workgroupSize } from "./grid.wgsl.ts";
import type { Accessor, Part } from "./kernel.ts";
import { plus, tight } from "./view.wgsl.ts";

/** WGSL that combines two values. */
export type FoldOf = (a: string, b: string) => string;
export const sum: FoldOf = (a, b) => `${a} + ${b}`;
export const max: FoldOf = (a, b) => `max(${a}, ${b})`;

/**
 * How a kernel walks the lines it reduces. It is written once and yields several variants. In `serial`, one invocation
 * takes a whole line: for CPU adapters and many short lines. In `tree`, a workgroup takes a line, each invocation every
 * 64th position, and they combine their results in workgroup memory in a fixed order: for GPUs and long lines. In `kept`,
 * they also keep what they have read in registers, so that memory is read once.
 */
export interface Way {
  /** Invocations of a workgroup. */
  readonly size: number;
  /** Features that it needs. */
  readonly features?: readonly string[];
  /** What walking along a line again costs: little, as caches hold it; a read of memory; nothing, as it is kept. */
  readonly again: "cached" | "read" | "kept";
  /**
   * Statements that define `i`, the line's index. Surplus serial invocations return. @param lines name of the number of
   * lines.
   */
  line(lines: string): readonly string[];
  /** An invocation's first position along its line, and its step: `for (var t = FIRST; t < LENGTH; t += STEP)`. */
  readonly first: string;
  readonly step: string;
  /**
   * What stands in the brackets of this loop, or of one over what is kept, and the statements in it that define `t`.
   * @param length LENGTH, as a number.
   */
  rounds(length: number): string;
  position(length: number): readonly string[];
  /**
   * `read_line(at);` reads once what may be kept, where `at` may name t. `line_NAME(at)` is that, or reads it again, and
   * `keep_NAME(value);` replaces it where it is kept.
   * @param loads by name what to read at `at`: an expression of the body.
   */
  keeps(length: number, loads: Readonly<Record<string, (at: string) => string>>): Part;
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

/** Ways that read a line again. */
const rereads = (first: string, step: string) =>
  ({
    first,
    step,
    rounds: () => `var t = ${first}; t < LENGTH; t += ${step}`,
    position: () => [],
    keeps: (_, loads) => ({
      accessors: {
        read_line: () => [],
        ...accessorsOf(loads, (name, load) => [
          [`line_${name}`, (at) => load(at!)],
          [`keep_${name}`, () => []],
        ]),
      },
    }),
  }) satisfies Partial<Way>;

export const serial: Way = {
  size: workgroupSize,
  again: "cached",
  ...rereads("0u", "1u"),
  line: (lines) => ["let i = id.x;", `if (i >= ${lines}) { return; }`],
  folds: (_, folds, width) => ofLine(folds, (_, fold, value) => ofAll(fold, value, width)),
  once: (...lines) => lines,
};

/** What ways have in common in which a workgroup takes a line. */
const together = {
  line: () => ["let i = group.x;"],
  once: (...lines) => (lines.length > 0 ? ["if (lane == 0u) {", ...indented(lines), "}"] : []),
} satisfies Partial<Way>;

/** Combines values in workgroup memory, half of them with the other half, until one is left. */
const byHalves =
  (size: number): Way["folds"] =>
  (type, folds, width) => ({
    memory: [{ name: "partial", type, length: size, note: "value of each invocation" }],
    // Reductions may follow each other: workgroupUniformLoad has barriers before and after its load.
    functions: Object.entries(folds).map(
      ([name, fold]) => wgsl`
fn ${name}_of_all(lane: u32, mine: ${type}) -> ${type} {
  partial[lane] = mine;
  for (var half = ${size / 2}u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (lane < half) { partial[lane] = ${fold("partial[lane]", "partial[lane + half]")}; }
  }
  return workgroupUniformLoad(&partial[0]);
}`,
    ),
    ...ofLine(folds, (name, fold, value) => `${name}_of_all(lane, ${ofAll(fold, value, width)})`),
  });

/**
 * Combines values by quads, which subgroups of any size have, then those of quads, read from workgroup memory, by quads
 * again. All invocations arrive at the same bits.
 */
const byQuads =
  (size: number): Way["folds"] =>
  (type, folds, width) => ({
    memory: [{ name: "partial", type, length: size / 4, note: "value of each quad" }],
    functions: Object.entries(folds).flatMap(([name, fold]) => [
      wgsl`
fn ${name}_of_quad(mine: ${type}) -> ${type} {
  let pair = ${fold("mine", "quadSwapX(mine)")};
  return ${fold("pair", "quadSwapY(pair)")};
}`,
      wgsl`
fn ${name}_of_all(lane: u32, mine: ${type}) -> ${type} {
  let own = ${name}_of_quad(mine);
  // Reductions may follow each other: all must have read the last one's values.
  workgroupBarrier();
  if (lane % 4u == 0u) { partial[lane / 4u] = own; }
  workgroupBarrier();
  var all = partial[lane % 4u];
  for (var k = lane % 4u + 4u; k < ${size / 4}u; k += 4u) { all = ${fold("all", "partial[k]")}; }
  return ${name}_of_quad(all);
}`,
    ]),
    ...ofLine(folds, (name, fold, value) => `${name}_of_all(lane, ${ofAll(fold, value, width)})`),
  });

export const tree: Way = {
  size: workgroupSize,
  again: "read",
  ...rereads("lane", `${workgroupSize}u`),
  ...together,
  folds: byHalves(workgroupSize),
};

/** Keeps lines in registers. @param quads whether values are combined by quads first. */
export function kept(size: number, quads: boolean): Way {
  const rounds = (length: number) => `var k = 0u; k < ${Math.ceil(length / size)}u; k++`;
  const position = (length: number): readonly string[] => [
    `let t = k * ${size}u + lane;`,
    ...(length % size > 0 ? ["if (t >= LENGTH) { continue; }"] : []),
  ];
  return {
    size,
    features: quads ? ["subgroups"] : [],
    again: "kept",
    ...together,
    first: "lane",
    step: `${size}u`,
    rounds,
    position,
    keeps: (length, loads) => ({
      accessors: {
        read_line: (at) => [
          ...Object.keys(loads).map((name) => `var ${name}_kept: array<F, ${Math.ceil(length / size)}>;`),
          `for (${rounds(length)}) {`,
          ...indented([
            ...position(length),
            ...Object.entries(loads).map(([name, load]) => `${name}_kept[k] = ${load(at!)};`),
          ]),
          "}",
        ],
        ...accessorsOf(loads, (name) => [
          [`line_${name}`, () => `${name}_kept[k]`],
          [`keep_${name}`, (value) => [`${name}_kept[k] = ${value};`]],
        ]),
      },
    }),
    folds: quads ? byQuads(size) : byHalves(size),
  };
}

const accessorsOf = <T>(
  named: Readonly<Record<string, T>>,
  accessors: (name: string, value: T) => readonly (readonly [string, Accessor])[],
): Readonly<Record<string, Accessor>> =>
  Object.fromEntries(Object.entries(named).flatMap(([name, value]) => accessors(name, value)));

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
