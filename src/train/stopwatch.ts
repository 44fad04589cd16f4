import type { Position } from "./position.ts";

/** Counts the seconds that training takes in an epoch, without breaks. */
export class Stopwatch {
  readonly #position: Position;
  #since = 0;

  constructor(position: Position) {
    this.#position = position;
  }

  /** Begins, or goes on after a break. */
  start(): void {
    this.#since = performance.now();
  }

  /** Adds the time that has passed. */
  lap(): void {
    const now = performance.now();
    this.#position.seconds += (now - this.#since) / 1000;
    this.#since = now;
  }
}
