import { type Ceilings, isFault, type KernelRow, type KernelTime, type Result } from "../../bench/measure/result.ts";
import { figure, placeOf } from "../../bench/report/figures.ts";

/** A variant of a ladder. */
export interface Rung {
  readonly variant: string;
  /** Whether the engine would take it. */
  readonly chosen: boolean;
  /** Operations or bytes per second, in the unit of the ladder; 0 if its results are wrong. */
  readonly rate: number;
}

/** The variants of a kernel family at one problem, from the definition up. */
export interface Ladder {
  readonly title: string;
  readonly unit: "GFLOP/s" | "GB/s";
  readonly rungs: readonly Rung[];
}

export interface Step {
  readonly name: string;
  readonly ms: number;
}

/** What the page and its card show of a result. */
export interface Summary {
  readonly adapter: string;
  /** Whether the adapter is a CPU. */
  readonly cpu: boolean;
  /** Browser or Node, and the system. */
  readonly where: string;
  /** Start time, ISO 8601. */
  readonly date: string;
  /** Why it is incomplete, if so. */
  readonly stopped?: string;
  /** Whether other work ran on the machine, if so. */
  readonly disturbed?: boolean;
  readonly limits: Partial<Ceilings>;
  readonly ladders: readonly Ladder[];
  readonly steps: readonly Step[];
}

/** The limits of an adapter, in words. */
export const limits = [
  { key: "gflops", name: "Multiply-add", unit: "GFLOP/s", says: "arithmetic in registers", more: true },
  { key: "gbPerSec", name: "Copy", unit: "GB/s", says: "between two buffers, read and written", more: true },
  { key: "dispatchUs", name: "Dispatch", unit: "µs", says: "one more in a pass", more: false },
  { key: "submitUs", name: "Submit", unit: "µs", says: "one more, with its pass", more: false },
  { key: "readbackMs", name: "Readback", unit: "ms", says: "a number from GPU to page", more: false },
] as const satisfies readonly { key: keyof Ceilings; name: string; unit: string; says: string; more: boolean }[];

/** Operations per byte from which a kernel is called after its operations. */
const computing = 10;

const rungOf = (row: KernelRow, unit: Ladder["unit"]): Rung => ({
  variant: row.variant,
  chosen: row.chosen,
  rate: isFault(row) ? 0 : unit === "GB/s" ? row.gbPerSec : row.gflops,
});

function laddersOf(rows: readonly KernelRow[]): Ladder[] {
  const byTitle = new Map<string, KernelRow[]>();
  for (const row of rows) {
    // Some shapes say what is computed, too.
    const title = row.shape.startsWith(row.family) ? row.shape : `${row.family} ${row.shape}`;
    byTitle.set(title, [...(byTitle.get(title) ?? []), row]);
  }
  return [...byTitle].map(([title, variants]) => {
    const timed = variants.find((row): row is KernelTime => !isFault(row));
    const unit = timed && timed.flops < computing * timed.bytes ? "GB/s" : "GFLOP/s";
    return { title, unit, rungs: variants.map((row) => rungOf(row, unit)) };
  });
}

/** Ceilings measured twice that differ by more say that other work ran in between. */
const mostDrift = 0.15;

const drifted = (a: number, b: number): boolean => Math.abs(Math.log(a / b)) > mostDrift;

export function summaryOf(result: Result): Summary {
  const { adapter, cpu, system, version, date, stopped, ceilings, ceilingsAfter: after, kernels, steps } = result;
  const disturbed = after && (drifted(after.gflops, ceilings.gflops) || drifted(after.gbPerSec, ceilings.gbPerSec));
  return {
    adapter,
    cpu,
    where: [placeOf(result), system, version && `tilegrad ${version}`].filter(Boolean).join(", "),
    date,
    ...(stopped !== undefined && { stopped }),
    ...(disturbed && { disturbed }),
    limits: ceilings,
    ladders: laddersOf(kernels),
    steps: steps.map(({ name, ms }) => ({ name, ms })),
  };
}

/** Adapter, browser and day, to tell results apart. */
export const titleOf = ({ adapter, where, date }: Summary): string => `${adapter}, ${where}, ${date.slice(0, 10)}`;

/** The engine's choice of a ladder, else its fastest rung. */
export const choiceOf = ({ rungs }: Ladder): Rung | undefined =>
  rungs.find(({ chosen }) => chosen) ?? rungs.toSorted((a, b) => b.rate - a.rate)[0];

/** How many times as fast the engine's choice is as the definition. */
export function climb(ladder: Ladder): number | undefined {
  const naive = ladder.rungs.find(({ variant }) => variant === "naive");
  const choice = ladder.rungs.find(({ chosen }) => chosen);
  return naive && choice && naive.rate > 0 && choice.rate > 0 ? choice.rate / naive.rate : undefined;
}

/** Speed relative to another's, in words. @param ratio above 1 is faster. */
export const timesAsFast = (ratio: number): string => `${figure(ratio)} × as fast`;

/** A summary as plain text, to paste into a message. */
export function textOf(summary: Summary): string {
  const { adapter, cpu, where, date, stopped, disturbed } = summary;
  const known = limits.filter(({ key }) => summary.limits[key] !== undefined);
  const line = (name: string, value: string): string => `  ${name.padEnd(46)} ${value}`;
  return [
    `tilegrad speed test: ${adapter}${cpu ? " (software)" : ""}`,
    `${where}, ${date.slice(0, 16).replace("T", " ")} UTC`,
    ...(stopped === undefined ? [] : [`Incomplete: ${stopped}.`]),
    ...(disturbed ? ["Other work ran on the machine meanwhile: the figures are rough."] : []),
    "",
    ...known.map(({ key, name, unit }) => line(name, `${figure(summary.limits[key]!)} ${unit}`)),
    ...summary.ladders.map((ladder) => {
      const [choice, times] = [choiceOf(ladder)!, climb(ladder)];
      const beside = times === undefined ? "" : `, ${figure(times)} × naive`;
      return line(ladder.title, `${figure(choice.rate)} ${ladder.unit} (${choice.variant}${beside})`);
    }),
    ...summary.steps.map(({ name, ms }) => line(name, `${figure(ms)} ms a step`)),
  ].join("\n");
}
