import { paint } from "../../demos/terminal/format.ts";
import { isFault, type KernelRow, type KernelTime, type Result, type StepRow } from "../measure/result.ts";
import { figure, percent, spreadOf } from "./figures.ts";
import { type Column, table } from "./table.ts";

/** A figure of kernels that were timed. */
const timed = (name: string, cell: (row: KernelTime) => string): Column<KernelRow> => ({
  name,
  cell: (row) => (isFault(row) ? "" : cell(row)),
});

const kernelColumns: readonly Column<KernelRow>[] = [
  { name: "kernel", left: true, cell: ({ family }) => family },
  { name: "shape", left: true, cell: ({ shape }) => shape },
  { name: "variant", left: true, cell: ({ variant, chosen }) => `${variant}${chosen ? " *" : ""}` },
  { name: "median ms", cell: (row) => (isFault(row) ? "WRONG" : figure(row.ms)) },
  timed("± %", spreadOf),
  timed("GFLOP/s", ({ gflops }) => figure(gflops)),
  timed("GB/s", ({ gbPerSec }) => figure(gbPerSec)),
  timed("of roofline", ({ ofRoofline }) => percent(ofRoofline)),
  timed("compile ms", ({ compileMs }) => compileMs.toFixed(0)),
];

const stepColumns: readonly Column<StepRow>[] = [
  { name: "step", left: true, cell: ({ name }) => name },
  { name: "median ms", cell: ({ ms }) => figure(ms) },
  { name: "± %", cell: spreadOf },
  { name: "dispatches", cell: ({ dispatches }) => String(dispatches) },
  { name: "submits", cell: ({ submits }) => String(submits) },
  { name: "MiB held", cell: ({ bytes }) => (bytes / 2 ** 20).toFixed(2) },
  { name: "GFLOP/s", cell: ({ gflops }) => figure(gflops) },
  { name: "of roofline", cell: ({ ofRoofline }) => percent(ofRoofline) },
  { name: "dispatching", cell: ({ dispatching }) => percent(dispatching) },
  { name: "compile ms", cell: ({ compileMs }) => compileMs.toFixed(0) },
];

/** Everything of a result, as a terminal shows it. */
export function tables(result: Result): string {
  const { place, adapter, ceilings, kernels, steps, scaling } = result;
  const { gflops, gbPerSec, dispatchUs, submitUs, readbackMs } = ceilings;
  const parts = [
    paint("bold", `${adapter}, in ${place === "node" ? "Node" : "Chrome"}`),
    `  ${figure(gflops)} GFLOP/s multiply-add, ${figure(gbPerSec)} GB/s copy, ${figure(dispatchUs)} µs a dispatch, ` +
      `${figure(submitUs)} µs a submit, ${figure(readbackMs)} ms to read a scalar`,
  ];
  const after = result.ceilingsAfter;
  if (Math.abs(Math.log(after.gflops / gflops)) > 0.15 || Math.abs(Math.log(after.gbPerSec / gbPerSec)) > 0.15) {
    const now = `${figure(after.gflops)} GFLOP/s and ${figure(after.gbPerSec)} GB/s`;
    parts.push(
      paint("yellow", `  at the end ${now}: other work was on the machine, and shares of the roofline are rough`),
    );
  }
  if (kernels.length > 0) {
    parts.push(
      "",
      table(kernelColumns, kernels, ({ chosen }) => chosen),
    );
    for (const row of kernels.filter(isFault)) {
      parts.push(paint("red", `WRONG: ${row.family} ${row.shape} ${row.variant}: ${row.wrong}`));
    }
  }
  const missed = missedChoices(kernels.filter((row): row is KernelTime => !isFault(row)));
  if (missed.length > 0) parts.push("", "Faster than what the engine takes:", ...missed);
  if (steps.length > 0) parts.push("", table(stepColumns, steps));
  for (const { name, longest } of steps.filter(({ longest }) => longest.length > 0)) {
    parts.push("", `${name}: the longest kernels of one step`);
    parts.push(...longest.map(({ label, ms }) => `${ms.toFixed(2).padStart(9)} ms  ${label}`));
  }
  if (scaling) parts.push("", scalingTable(scaling));
  return parts.join("\n");
}

/** Kernels of which another variant takes less time than the chosen one, by a tenth and more than noise. */
function missedChoices(rows: readonly KernelTime[]): string[] {
  return rows.flatMap((row) => {
    const { family, shape, variant, ms, spread } = row;
    const rivals = rows.filter((other) => other.family === family && other.shape === shape);
    const chosen = rivals.find((rival) => rival.chosen);
    if (!chosen || rivals.some((rival) => rival.ms < ms)) return [];
    const ratio = chosen.ms / ms;
    const noise = 3 * Math.hypot(spread ?? 0, chosen.spread ?? 0);
    if (ratio < 1.1 || ratio < 1 + noise) return [];
    return `  ${family} ${shape}: ${variant} in ${figure(ms)} ms, ${chosen.variant} in ${figure(chosen.ms)} ms`;
  });
}

const scalingTable = (rows: NonNullable<Result["scaling"]>): string =>
  table(
    [
      { name: "growing", left: true, cell: ({ of }) => of },
      { name: "size", cell: ({ size }) => String(size) },
      { name: "dispatches", cell: ({ dispatches }) => String(dispatches) },
      { name: "ms", cell: ({ ms }) => figure(ms) },
      { name: "µs each", cell: ({ ms, size }) => figure((1000 * ms) / size) },
      { name: "of that passes, ms", cell: ({ passesMs }) => (passesMs === undefined ? "" : figure(passesMs)) },
    ],
    rows,
  );
