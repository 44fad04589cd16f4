import { Presets, SingleBar } from "cli-progress";
import { isTerminal, paint } from "./format.ts";

/** How often a bar moves, in milliseconds. */
const interval = 150;

/** Shows how something long goes: a bar where there is a terminal, else a line for each quarter, for log files. */
export class Progress {
  readonly #label: string;
  readonly #total: number;
  readonly #bar: SingleBar | undefined;
  #quarters: number;
  #shown = performance.now();

  /** @param total what there is to do. @param done what of it is done already. */
  constructor(label: string, total: number, done = 0) {
    this.#label = label;
    this.#total = total;
    this.#quarters = this.#quarterOf(done);
    if (!isTerminal) return;
    const columns = process.stdout.columns || 80;
    this.#bar = new SingleBar(
      {
        stream: process.stdout,
        // What stands beside the bar takes some 62 columns; on narrow terminals the end of it is cut off.
        barsize: Math.max(8, Math.min(32, columns - 64)),
        format: `${paint("bold", label)} ${paint("cyan", "{bar}")} {percentage} %  {facts}`,
        hideCursor: true,
        clearOnComplete: true,
        // Whoever handles Ctrl-C ends the work, and that stops the bar.
        gracefulExit: false,
        autopadding: true,
      },
      Presets.shades_classic,
    );
    this.#bar.start(total, done, { facts: "" });
  }

  /** Whether an update is wanted now: often enough for a bar to move, for log files at each quarter. */
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
