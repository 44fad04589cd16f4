import { styleText } from "node:util";
import { Presets, SingleBar } from "cli-progress";

type Style = Parameters<typeof styleText>[0];

const isTerminal = process.stdout.isTTY === true;
const colours = isTerminal && !process.env.NO_COLOR && process.env.TERM !== "dumb";

/** Text in a style, where the terminal has any. */
export const paint = (style: Style, text: string): string => (colours ? styleText(style, text) : text);

export const count = (value: number): string => Math.round(value).toLocaleString("en-US");
export const percent = (share: number, digits = 2): string => `${(100 * share).toFixed(digits)} %`;

/** 0:07, 12:34, 1:02:03. */
export function clock(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  const two = (value: number): string => String(value % 60).padStart(2, "0");
  const minutes = Math.floor(whole / 60);
  return minutes < 60 ? `${minutes}:${two(whole)}` : `${Math.floor(minutes / 60)}:${two(minutes)}:${two(whole)}`;
}

export function mebibytes(bytes: number): string {
  return bytes < 2 ** 20 ? `${(bytes / 2 ** 10).toFixed(1)} KiB` : `${(bytes / 2 ** 20).toFixed(1)} MiB`;
}

/** What is known while an epoch runs. */
export interface Status {
  readonly images: number;
  readonly loss: number;
  readonly imagesPerSecond: number;
  /** To the end of the last epoch. */
  readonly secondsLeft: number;
}

/** How often a bar moves, in milliseconds. */
const interval = 150;

/** Shows how an epoch goes: a bar where there is a terminal, else a line for each quarter, for log files. */
export class EpochProgress {
  readonly #label: string;
  readonly #total: number;
  readonly #bar: SingleBar | undefined;
  #quarters = 0;
  #shown = performance.now();

  constructor(label: string, total: number) {
    this.#label = label;
    this.#total = total;
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
        // Whoever handles Ctrl-C ends the epoch, and that stops the bar.
        gracefulExit: false,
        autopadding: true,
      },
      Presets.shades_classic,
    );
    this.#bar.start(total, 0, { facts: "" });
  }

  /** Whether the status is wanted now: often enough for a bar to move, for log files at each quarter. */
  isDue(images: number): boolean {
    if (this.#bar) return performance.now() - this.#shown > interval;
    return this.#quarterOf(images) > this.#quarters && images < this.#total;
  }

  update({ images, loss, imagesPerSecond, secondsLeft }: Status): void {
    this.#shown = performance.now();
    this.#quarters = this.#quarterOf(images);
    const facts = `loss ${loss.toFixed(4)}  ${count(imagesPerSecond)} images/s  ${clock(secondsLeft)} left`;
    if (this.#bar) this.#bar.update(images, { facts });
    else console.log(`${this.#label}  ${25 * this.#quarters} %  ${facts}`);
  }

  stop(): void {
    this.#bar?.stop();
  }

  #quarterOf(images: number): number {
    return Math.floor((4 * images) / this.#total);
  }
}
