import { clearLine, cursorTo } from "node:readline";
import { paint, room } from "../../demos/terminal/format.ts";
import { variantsOf } from "../cases/case.ts";
import type { Ceilings, Report, Result } from "../measure/result.ts";
import { isWanted, type SuiteOptions } from "../measure/suite.ts";
import { planOf } from "../plans.ts";
import { kernelColumns, scalingColumns, stepColumns } from "./columns.ts";
import { figure, placeOf } from "./figures.ts";
import { type Note, notesOf } from "./notes.ts";
import { GrowingTable } from "./table.ts";

/** What is being measured: one line that a terminal can overwrite, else a line each. On stderr. */
class Status {
  readonly #canErase = process.stderr.isTTY === true && process.env.TERM !== "dumb";

  show(text: string): void {
    this.clear();
    const { stderr } = process;
    if (this.#canErase) stderr.write(paint("dim", text.slice(0, Math.max(1, (stderr.columns || 80) - 1))));
    else console.error(text);
  }

  clear(): void {
    if (!this.#canErase) return;
    cursorTo(process.stderr, 0);
    clearLine(process.stderr, 0);
  }
}

const colours = { fault: "red", warning: "yellow", hint: "cyan" } as const satisfies Record<Note["tone"], string>;

/** Output of a running suite for a terminal, a pipe or a log: growing tables on stdout, progress on stderr. */
export class Screen {
  readonly #place: Result["place"];
  readonly #tables;
  readonly #status = new Status();
  #current: unknown;

  constructor(place: Result["place"], options: SuiteOptions) {
    this.#place = place;
    const plan = planOf(options);
    const cases = plan.kernels.filter(({ family, shape }) => isWanted(`${family} ${shape}`, options));
    this.#tables = {
      kernels: new GrowingTable(
        kernelColumns,
        {
          kernel: cases.map(({ family }) => family),
          shape: cases.map(({ shape }) => shape),
          variant: cases.flatMap((each) => variantsOf(each).map((variant) => `${variant} *`)),
        },
        room,
      ),
      steps: new GrowingTable(stepColumns, { step: plan.steps.map(({ name }) => name) }, room),
      scaling: new GrowingTable(scalingColumns, { growing: ["compile training"] }, room),
    };
  }

  show(report: Report): void {
    const { kernels, steps, scaling } = this.#tables;
    if ("next" in report) {
      const { next, at, of } = report;
      this.#status.show(`${this.#place}  ${at ? `${at} of ${of}: ` : ""}${next}`);
    } else if ("begun" in report) this.#print(...headOf(report.begun));
    else if ("kernel" in report) this.#print(...this.#grow(kernels), kernels.row(report.kernel, report.kernel.chosen));
    else if ("step" in report) this.#print(...this.#grow(steps), steps.row(report.step));
    else if ("grown" in report) this.#print(...this.#grow(scaling), scaling.row(report.grown));
  }

  /** Prints the summary at the end, also after an early stop. */
  close(result: Result | undefined): void {
    this.#status.clear();
    if (!result) return;
    for (const { name, longest } of result.steps.filter(({ longest }) => longest.length > 0)) {
      this.#print("", `${name}: the longest kernels of one step`);
      for (const { label, ms } of longest) this.#print(`${ms.toFixed(2).padStart(9)} ms  ${label}`);
    }
    let last = "";
    for (const { tone, about, text } of notesOf(result)) {
      if (about !== last) this.#print("", `${about}:`);
      last = about;
      this.#print(paint(colours[tone], `  ${text}`));
    }
    this.#print("");
  }

  /** Prints the head of a table that starts to grow. */
  #grow(growing: { head(): string }): string[] {
    if (this.#current === growing) return [];
    this.#current = growing;
    return ["", growing.head()];
  }

  #print(...lines: string[]): void {
    this.#status.clear();
    console.log(lines.join("\n"));
  }
}

function headOf(result: Result): string[] {
  const { adapter, ceilings } = result;
  return [paint("bold", `${adapter}, in ${placeOf(result)}`), `  ${ceilingsLine(ceilings)}`];
}

const ceilingsLine = ({ gflops, gbPerSec, dispatchUs, submitUs, readbackMs }: Ceilings): string =>
  `${figure(gflops)} GFLOP/s multiply-add, ${figure(gbPerSec)} GB/s copy, ${figure(dispatchUs)} µs per dispatch, ` +
  `${figure(submitUs)} µs per submit, ${figure(readbackMs)} ms to read a scalar`;
