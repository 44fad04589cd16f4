import type { Guard } from "../compile/guard.ts";
import { NonFiniteError } from "../errors.ts";
import type { Place } from "../gpu/readback.ts";
import { showLayer } from "../layer.ts";

/**
 * Reports NaN and infinity to the read or run that they belong to. Kernels write the number of the first faulty store into a flag.
 * Whoever reads the flag clears it in the same turn, so that it only holds faults of later runs.
 */
export class Watch {
  /** Where the flag is on the GPU. */
  readonly place: Place;
  readonly #guard: Guard;
  readonly #queue: GPUQueue;
  #runs = 0;
  /** The flag as it was brought back last, and how many runs there had been. */
  #last = { runs: 0, store: Promise.resolve(0) };
  /** Flags of runs that nobody has read yet: the next read reports them. */
  #waiting: Promise<number>[] = [];

  constructor(guard: Guard, buffer: GPUBuffer, queue: GPUQueue) {
    this.#guard = guard;
    this.#queue = queue;
    this.place = { buffer, offset: 0, bytes: 4 };
  }

  /** A run begins. */
  started(): void {
    this.#runs++;
  }

  /** Saves the flag of earlier runs before a run that reads its own. @param read reads the flag. */
  makeRoom(read: () => Promise<ArrayBuffer[]>): void {
    if (this.#runs !== this.#last.runs) this.#waiting.push(this.#take(read()));
  }

  /**
   * Looks at what was read, the flag last.
   * @param isOwn whether the read belongs to the run just begun, and so tells of no other.
   * @returns rejects with the fault there was, if any; to be called in the turn of the read's submit.
   */
  check(read: Promise<ArrayBuffer[]>, isOwn: boolean): Promise<void> {
    const before = this.#last;
    const earlier = isOwn ? [] : this.#waiting;
    if (!isOwn) {
      this.#waiting = [];
      // The flag of the same run has been brought back before.
      if (before.runs === this.#runs) earlier.push(before.store);
    }
    const store = this.#take(read);
    this.#last = { runs: this.#runs, store: Promise.all([...earlier, store]).then((all) => all.find(Boolean) ?? 0) };
    return this.#last.store.then((number) => {
      const first = this.#guard.stores[number - 1];
      if (!first) return;
      throw new NonFiniteError(
        `NaN or infinity first arose in kernel "${first.kernel}"${showLayer(first.layer)}, in what it writes to "${first.role}"`,
      );
    });
  }

  /** The number in the flag, which is cleared behind the read. A read that fails says so to those who wait for its data. */
  #take(read: Promise<ArrayBuffer[]>): Promise<number> {
    this.#queue.writeBuffer(this.place.buffer, 0, new Uint32Array(1));
    return read.then(
      (data) => new Uint32Array(data.at(-1)!)[0]!,
      () => 0,
    );
  }
}
