import type { Footprint } from "./footprint.ts";
import type { Timed } from "./timing.ts";

/** Libraries in column order. The others are compared with the first. */
export const libraries = ["tilegrad", "jaxjs", "tfjs"] as const;

/** Pages that train 784-128-10: one per library, and one of tilegrad with a program compiled ahead of time. */
export const pages = ["tilegrad", "exported", "jaxjs", "tfjs"] as const;

const names: Readonly<Record<string, string>> = {
  tilegrad: "tilegrad",
  exported: "exported",
  jaxjs: "jax-js",
  tfjs: "TF.js",
};
const widths = [36, 10, 10, 10, 10, 8];

/** Cells as a line, the first left-aligned. */
const line = (cells: readonly string[]): string =>
  cells.map((cell, i) => (i === 0 ? cell.padEnd(widths[0]!) : cell.padStart(widths[i] ?? 0))).join(" ");

const digits = (value: number): string => (value >= 100 ? value.toFixed(0) : value.toPrecision(3));

export const timeHeading = (): string =>
  line(["median ms", ...libraries.map((library) => names[library]!), "jax-js ×", "TF.js ×"]);

/** Time relative to tilegrad's; undefined if either failed. */
export function ratio(times: ReadonlyMap<string, Timed>, library: string): number | undefined {
  const [own, other] = [times.get(libraries[0])?.ms, times.get(library)?.ms];
  return own !== undefined && other !== undefined ? other / own : undefined;
}

/** A row of the table, and a line for each library that failed or is wrong. */
export function timeLine(title: string, times: ReadonlyMap<string, Timed>): string {
  const ms = libraries.map((library) => {
    const { ms, fault } = times.get(library)!;
    return ms === undefined ? "–" : `${digits(ms)}${fault ? "!" : ""}`;
  });
  const ratios = libraries.slice(1).map((library) => ratio(times, library)?.toFixed(2) ?? "–");
  const faults = libraries.flatMap((library) => {
    const { fault } = times.get(library)!;
    return fault ? [`  ! ${names[library]}: ${fault}`] : [];
  });
  return [line([title, ...ms, ...ratios]), ...faults].join("\n");
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
