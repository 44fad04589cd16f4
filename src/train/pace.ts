import type { Engine } from "../runtime/engine.ts";

/** Milliseconds of work between two waits: less than half a frame. */
const sliceMs = 6;

/** Leaves a share of the GPU's time to others: works for a while, waits for the GPU, then rests in proportion. */
export class Pace {
  readonly #engine: Engine;
  readonly #share: number;
  #began = performance.now();

  /** @param share of the time to work, from 0 (exclusive) to 1. */
  constructor(engine: Engine, share: number) {
    this.#engine = engine;
    this.#share = share;
  }

  /** Call after each step. */
  async rest(): Promise<void> {
    if (this.#share === 1 || performance.now() - this.#began < sliceMs) return;
    // A lost device is reported by the next step.
    await this.#engine.device.queue.onSubmittedWorkDone().catch(() => undefined);
    const busy = performance.now() - this.#began;
    await new Promise((done) => setTimeout(done, (busy * (1 - this.#share)) / this.#share));
    this.#began = performance.now();
  }
}
