import type { Column } from "./columns.ts";
import type { Footprint } from "./footprint.ts";
import type { Timed } from "./timing.ts";

/** Pages that train 784-128-10: one per library, and one of tilegrad with a program compiled ahead of time. */
export const pages = ["tilegrad", "exported", "jaxjs", "tfjs"] as const;

const names: Readonly<Record<string, string>> = {
  tilegrad: "tilegrad",
  exported: "exported",
  jaxjs: "jax-js",
  tfjs: "TF.js",
};

/** Cells as a line, the first left-aligned. */
const line = (cells: readonly string[]): string =>
  cells.map((cell, i) => (i === 0 ? cell.padEnd(36) : cell.padStart(10))).join(" ");

const digits = (value: number): string => (value >= 100 ? value.toFixed(0) : value.toPrecision(3));

/** Columns that are compared with the first of their back end. */
const compared = (columns: readonly Column[]): readonly Column[] =>
  columns.filter((column) => column !== own(columns, column));

const own = (columns: readonly Column[], { backend }: Column): Column =>
  columns.find((column) => column.backend === backend)!;

export const timeHeading = (columns: readonly Column[]): string =>
  line(["median ms", ...columns.map(({ name }) => name), ...compared(columns).map(({ name }) => `${name} ×`)]);

/** Times relative to tilegrad's on the same back end; none where either failed. */
export function ratios(columns: readonly Column[], times: ReadonlyMap<string, Timed>): Record<string, number> {
  return Object.fromEntries(
    compared(columns).flatMap((column) => {
      const [first, other] = [times.get(own(columns, column).key)?.ms, times.get(column.key)?.ms];
      return first !== undefined && other !== undefined ? [[column.key, other / first]] : [];
    }),
  );
}

/** Whether a library says that it has no such operation on its back end. Nothing is wrong then. */
const isMissing = (fault: string): boolean => fault.includes("not registered for backend");

/** Whether a library failed or is wrong. */
export const isFaulty = ({ fault }: Timed): boolean => fault !== undefined && !isMissing(fault);

/** A row of the table, and a line for each library that failed or is wrong. */
export function timeLine(title: string, columns: readonly Column[], times: ReadonlyMap<string, Timed>): string {
  const ms = columns.map(({ key }) => {
    const { ms, fault } = times.get(key)!;
    return ms === undefined ? "–" : `${digits(ms)}${fault ? "!" : ""}`;
  });
  const ratioOf = ratios(columns, times);
  const faults = columns.flatMap(({ key, name }) => {
    const { fault } = times.get(key)!;
    return fault ? [`  ! ${name}: ${fault}`] : [];
  });
  return [line([title, ...ms, ...compared(columns).map(({ key }) => ratioOf[key]?.toFixed(2) ?? "–")]), ...faults].join(
    "\n",
  );
}

const kib = (bytes: number): string => `${(bytes / 1024).toFixed(1)} KiB`;
const mib = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(2)} MiB`;

/** The cost of the pages, one line each. */
export function footprintTable(footprints: ReadonlyMap<string, Footprint>): string {
  const rows: readonly [string, (footprint: Footprint) => string][] = [
    ["JavaScript, gzipped", ({ gzipBytes }) => kib(gzipBytes)],
    ["load to end of first step", ({ firstStepSeconds }) => `${firstStepSeconds.toFixed(2)} s`],
    ["loss of the eleventh step", ({ loss }) => loss.toFixed(5)],
    ["GPU buffers held", ({ buffers }) => `${buffers}`],
    ["GPU bytes held", ({ bufferBytes }) => mib(bufferBytes)],
    ["dispatches per step", ({ dispatches }) => `${dispatches}`],
    ["submits per step", ({ submits }) => `${submits}`],
    ["GPU buffers created per step", ({ made }) => `${made}`],
    ["growth in 2,000 steps: GPU bytes", ({ growth }) => kib(growth.bufferBytes)],
    ["growth in 2,000 steps: heap", ({ growth }) => kib(growth.heapBytes)],
    ["  steps measured", ({ growth }) => `${growth.steps}`],
  ];
  const heading = line(["a page that trains 784-128-10", ...pages.map((page) => names[page]!)]);
  const body = rows.map(([title, show]) => line([title, ...pages.map((page) => show(footprints.get(page)!))]));
  return [heading, ...body].join("\n");
}
