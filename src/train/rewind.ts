import type { Engine } from "../runtime/engine.ts";
import type { Callback, CallbackState } from "./callbacks.ts";
import { mistakes } from "./loaded.ts";
import type { Position } from "./position.ts";
import type { Stream } from "./stream.ts";

/** What a snapshot of the engine's recovery keeps of a training, beside all variables. */
interface Kept {
  /** The training that it belongs to. */
  readonly of: Rewind;
  readonly position: Position;
  /** Of the callbacks. */
  readonly states: readonly (CallbackState | undefined)[];
}

/** Lets a training go back to a snapshot when its device is lost. Does nothing where the engine has no recovery. */
export class Rewind {
  readonly #engine: Engine;
  readonly #callbacks: readonly Callback[];
  readonly #stream: Stream;

  constructor(engine: Engine, callbacks: readonly Callback[], stream: Stream) {
    this.#engine = engine;
    this.#callbacks = callbacks;
    this.#stream = stream;
  }

  /** Makes sure that there is a snapshot of the training as it is now: at its beginning and at its end. */
  async settle(position: Position): Promise<void> {
    await this.#engine.keeper?.begin(this.#kept(structuredClone(position), this.#states()));
  }

  /** The training is over. */
  leave(): void {
    this.#engine.keeper?.left();
  }

  /** Call between two steps. @param position copies it, once all submitted steps are counted. */
  mark(position: () => Promise<Position>): void {
    this.#engine.keeper?.mark(async () => {
      const states = this.#states();
      return this.#kept(await position(), states);
    });
  }

  /**
   * Waits until a training may go on after an error, and gives the callbacks their states of that time.
   * @param signal ends the wait.
   * @returns its position then; nothing if the device was not lost.
   * @throws StateError where the training cannot go back, and the error itself when the signal ends the wait.
   */
  async to(error: unknown, signal?: AbortSignal): Promise<Position | undefined> {
    let abort = () => {};
    const aborted = new Promise<never>((_, reject) => {
      abort = () => reject(error);
    });
    signal?.addEventListener("abort", abort);
    const back = await Promise.race([this.#engine.keeper?.recovered(error), aborted]).finally(() =>
      signal?.removeEventListener("abort", abort),
    );
    if (!back) return undefined;
    const kept = back.position as Kept | undefined;
    if (kept?.of !== this || this.#stream.once) throw (await mistakes()).noWayBack(kept?.of === this, error);
    kept.states.forEach((state, i) => {
      if (state) this.#callbacks[i]!.restore?.(structuredClone(state));
    });
    // The snapshot may be needed again.
    return structuredClone(kept.position);
  }

  #kept(position: Position, states: Kept["states"]): Kept {
    return { of: this, position, states };
  }

  #states(): Kept["states"] {
    return this.#callbacks.map((callback) => structuredClone(callback.state?.()));
  }
}
