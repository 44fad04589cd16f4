import { Nudge } from "./nudge.ts";

/** Milliseconds of work to queue ahead of the GPU: enough to keep it busy, little enough to stay responsive. */
const aheadMs = 30;

/**
 * Keeps the host from running too far ahead of the GPU. At most one fence is pending. The number of steps allowed
 * ahead of it adapts so that about `aheadMs` of work is queued, whether a step takes 0.1 ms or a second.
 */
export class Throttle {
  readonly #queue: GPUQueue;
  readonly #nudge: Nudge;
  #fence: Promise<unknown> | undefined;
  #submitted = 0;
  #allowed = 1;

  constructor(queue: GPUQueue) {
    this.#queue = queue;
    this.#nudge = new Nudge(queue);
  }

  /** How many steps to submit at once, so that others are not kept waiting. */
  get together(): number {
    return Math.ceil(this.#allowed / 2);
  }

  /** Call after each submit; resolves when the next one may follow. @param steps in it. */
  async submitted(steps = 1): Promise<void> {
    this.#submitted += steps;
    // A fence costs as much as two dispatches, so one per half of the allowed steps is enough.
    if (!this.#fence && 2 * this.#submitted > this.#allowed) {
      const start = performance.now();
      const before = this.#submitted;
      // A lost device settles the fence either way; whoever needs a result learns of the loss there.
      this.#fence = this.#queue
        .onSubmittedWorkDone()
        .catch(() => undefined)
        .then(() => {
          const perStep = (performance.now() - start) / Math.max(1, before);
          this.#allowed = Math.min(256, Math.max(1, Math.round(aheadMs / perStep)));
          this.#submitted -= before;
          this.#fence = undefined;
        });
    }
    if (this.#submitted > this.#allowed && this.#fence) await this.#nudge.until(this.#fence, false);
  }
}
