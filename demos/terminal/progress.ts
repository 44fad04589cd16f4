import { Presets, SingleBar } from "cli-progress";
import { isTerminal, paint } from "./format.ts";

/** Milliseconds between updates of a bar. */
const interval = 150;

/** Shows progress: a bar in a terminal, else one line per quarter, for log files. */
export class Progress {
  readonly #label: string;
  readonly #total: number;
  readonly #bar: SingleBar | undefined;
  #quarters: number;
  #shown = performance.now();

  /**
   * @param total amount of work. @param done amount already done.
   */
  constructor(label: string, total: number, done = 0) {
    this.#label = label;
    this.#total = total;
    this.#quarters = this.#quarterOf(done);
    if (!isTerminal) return;
    const columns = process.stdout.columns || 80;
    this.#bar = new SingleBar(
      {
        stream: process.stdout,
        // The text beside the bar takes about 62 columns; narrow terminals cut off its end.
        barsize: Math.max(8, Math.min(32, columns - 64)),
        format: `${paint("bold", label)} ${paint("cyan", "{bar}")} {percentage} %  {facts}`,
        hideCursor: true,
        clearOnComplete: true,
        // The caller handles Ctrl-C: it ends the work, which stops the bar.
        gracefulExit: false,
        autopadding: true,
      },
      Presets.shades_classic,
    );
    this.#bar.start(total, done, { facts: "" });
  }

  /** Whether to update now: often enough to move a bar, and at each quarter in log files. */
  isDue(done: number): boolean {
    if (this.#bar) return performance.now() - this.#shown > interval;
    return this.#quarterOf(done) > this.#quarters && done < this.#total;
  }

  update(done: number, facts: string): void {
    this.#shown = performance.now();
    this.#quarters = this.#quarterOf(done);
    if (this.#bar) this.#bar.update(done, { facts });
    else console.log(`${this.#label}  ${25 * this.#quarters} %  ${facts}`);
  }

  stop(): void {
    this.#bar?.stop();
  }

  #quarterOf(done: number): number {
    return Math.floor((4 * done) / this.#total);
  }
}
