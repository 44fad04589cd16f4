import { isFault, type KernelRow, type KernelTime, type ScalingRow, type StepRow } from "../measure/result.ts";
import { figure, percent, spreadOf } from "./figures.ts";

/*
 * Columns of the tables, in the terminal and in the HTML report.
 */

/** A column: its heading, and its text for a row. Numbers are right-aligned. */
export interface Column<Row> {
  readonly name: string;
  readonly cell: (row: Row) => string;
  readonly left?: boolean;
  /** For headings of several rows: where lines are too short, printed above the rows instead. */
  readonly above?: boolean;
  /** Left out first where lines are too short. */
  readonly minor?: boolean;
}

/** A figure of a timed kernel. */
const timed = (name: string, cell: (row: KernelTime) => string, minor = false): Column<KernelRow> => ({
  name,
  cell: (row) => (isFault(row) ? "" : cell(row)),
  minor,
});

export const kernelColumns: readonly Column<KernelRow>[] = [
  { name: "kernel", left: true, above: true, cell: ({ family }) => family },
  { name: "shape", left: true, above: true, cell: ({ shape }) => shape },
  { name: "variant", left: true, cell: ({ variant, chosen }) => `${variant}${chosen ? " *" : ""}` },
  { name: "median ms", cell: (row) => (isFault(row) ? "WRONG" : figure(row.ms)) },
  timed("± %", spreadOf),
  timed("GFLOP/s", ({ gflops }) => figure(gflops)),
  timed("× naive", ({ timesNaive }) => (timesNaive === undefined ? "" : figure(timesNaive))),
  timed("GB/s", ({ gbPerSec }) => figure(gbPerSec), true),
  timed("of roofline", ({ ofRoofline }) => percent(ofRoofline)),
  timed("compile ms", ({ compileMs }) => compileMs.toFixed(0), true),
];

export const stepColumns: readonly Column<StepRow>[] = [
  { name: "step", left: true, above: true, cell: ({ name }) => name },
  { name: "median ms", cell: ({ ms }) => figure(ms) },
  { name: "± %", cell: spreadOf },
  { name: "dispatches", cell: ({ dispatches }) => String(dispatches) },
  { name: "submits", minor: true, cell: ({ submits }) => String(submits) },
  { name: "MiB held", cell: ({ bytes }) => (bytes / 2 ** 20).toFixed(2) },
  { name: "GFLOP/s", cell: ({ gflops }) => figure(gflops) },
  { name: "of roofline", cell: ({ ofRoofline }) => percent(ofRoofline) },
  { name: "dispatching", minor: true, cell: ({ dispatching }) => percent(dispatching) },
  { name: "compile ms", minor: true, cell: ({ compileMs }) => compileMs.toFixed(0) },
];

export const scalingColumns: readonly Column<ScalingRow>[] = [
  { name: "growing", left: true, cell: ({ of }) => of },
  { name: "size", cell: ({ size }) => String(size) },
  { name: "dispatches", cell: ({ dispatches }) => String(dispatches) },
  { name: "ms", cell: ({ ms }) => figure(ms) },
  { name: "µs each", cell: ({ ms, size }) => figure((1000 * ms) / size) },
  { name: "of that passes, ms", cell: ({ passesMs }) => (passesMs === undefined ? "" : figure(passesMs)) },
];
