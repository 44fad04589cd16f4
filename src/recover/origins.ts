import { FeedError } from "../errors.ts";
import type { Runner } from "../runtime/runner.ts";

/** Tells buffers of devices that were lost from those of the present one. WebGPU does not say which device a buffer is of. */
export class Origins {
  /** The number of the device that a buffer is of. */
  readonly #deviceOf = new WeakMap<GPUBuffer, number>();
  #present = 0;

  /**
   * Notes the device of a buffer of the app.
   * @param role "input x".
   * @throws FeedError where it was of one that is lost.
   */
  check(role: string, buffer: GPUBuffer): void {
    const device = this.#deviceOf.get(buffer) ?? this.#present;
    this.#deviceOf.set(buffer, device);
    if (device === this.#present) return;
    const input = role.replace(/^input (.*)$/, 'input "$1"');
    throw new FeedError(`run: ${input} is a GPUBuffer of a device that was lost: make it anew on engine.device`);
  }

  /** The present device is lost, and with it the runner's own buffers, some of which an app may hold. */
  age({ programs, residence }: Runner): void {
    const own = [...programs.keys()].flatMap(({ memories }) => memories.own);
    for (const buffer of [...own, ...residence.arenas.values()]) this.#deviceOf.set(buffer, this.#present);
    this.#present++;
  }
}
