import type { Guard } from "../compile/guard.ts";
import type { Place } from "../gpu/readback.ts";
import { showLayer } from "../layer.ts";

// Both load on demand, together.
export { guard } from "../compile/guard.ts";

/**
 * Reports NaN and infinity to the read or run they belong to. Kernels write the number of the first faulty store to a
 * flag. Every read of the flag also clears it in the same turn, so the flag only holds faults of later runs.
 */
export class Watch {
  /** The flag on the GPU. */
  readonly place: Place;
  readonly #guard: Guard;
  readonly #queue: GPUQueue;
  #runs = 0;
  /** The flag as last read, and the number of runs at that time. */
  #last = { runs: 0, store: Promise.resolve(0) };
  /** Flags of runs that no read has reported yet: the next read reports them. */
  #waiting: Promise<number>[] = [];

  constructor(guard: Guard, buffer: GPUBuffer, queue: GPUQueue) {
    this.#guard = guard;
    this.#queue = queue;
    this.place = { buffer, offset: 0, bytes: 4 };
  }

  /** Marks the start of a run. */
  started(): void {
    this.#runs++;
  }

  /** Saves the flag of earlier runs before a run that reads its own. @param read reads the flag. */
  makeRoom(read: () => Promise<ArrayBuffer[]>): void {
    if (this.#runs !== this.#last.runs) this.#waiting.push(this.#take(read()));
  }

  /**
   * Checks what was read, the flag last. Call it in the same turn as the read's submit.
   * @param isOwn whether the read belongs to the run just started, and so reports only that run.
   * @returns the fault in words, if any.
   */
  check(read: Promise<ArrayBuffer[]>, isOwn: boolean): Promise<string | undefined> {
    const before = this.#last;
    const earlier = isOwn ? [] : this.#waiting;
    if (!isOwn) {
      this.#waiting = [];
      // The flag of this run has been read before.
      if (before.runs === this.#runs) earlier.push(before.store);
    }
    const store = this.#take(read);
    this.#last = { runs: this.#runs, store: Promise.all([...earlier, store]).then((all) => all.find(Boolean) ?? 0) };
    return this.#last.store.then((number) => {
      const first = this.#guard.stores[number - 1];
      return (
        first &&
        `NaN or infinity first arose in kernel "${first.kernel}"${showLayer(first.layer)}, in what it writes to "${first.role}"`
      );
    });
  }

  /**
   * Reads the flag's number and clears the flag behind the read. A failed read rejects for those who await its data.
   */
  #take(read: Promise<ArrayBuffer[]>): Promise<number> {
    this.#queue.writeBuffer(this.place.buffer, 0, new Uint32Array(1));
    return read.then(
      (data) => new Uint32Array(data.at(-1)!)[0]!,
      () => 0,
    );
  }
}
