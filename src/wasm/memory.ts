import { LimitError } from "../errors.ts";

const pageBytes = 65536;

/** Most pages of a memory: 4 GiB. */
const mostPages = 65536;

/** Ranges begin at multiples of this, as bindings of WebGPU do. */
const step = 256;

/**
 * Bytes behind the last range. Kernels may read past the end of a buffer where they drop the result; WebAssembly ends a
 * program that reads past the end of its memory. Pages that are never written take no memory of the machine.
 */
const slack = 64 * 2 ** 20;

/** Bytes for the words of `thread.ts`. */
const wordBytes = 1024;

/** Bytes that a thread has for arrays of functions. It runs one kernel at a time, so all share the place. */
export const stackBytes = 65536;

interface Range {
  readonly at: number;
  readonly bytes: number;
}

/** Shared memory. Some systems reserve all that it may become, and have less. */
function sharedMemory(): WebAssembly.Memory | undefined {
  for (let maximum = mostPages; maximum >= mostPages / 8; maximum /= 2) {
    try {
      return new WebAssembly.Memory({ initial: slack / pageBytes, maximum, shared: true });
    } catch {}
  }
  return undefined;
}

/** One memory for all buffers of a device, and which of its ranges are free. */
export class Heap {
  readonly memory: WebAssembly.Memory;
  /** Where each thread has memory for arrays of functions: the first is the device's own. */
  readonly stacks: readonly number[];
  /** Free ranges by position; no two are neighbours. */
  #free: Range[] = [];
  /** Where no range has ever been. */
  #top: number;

  /** @param threads how many run kernels: if several, they share the memory, where that is possible. */
  constructor(threads: number) {
    const shared = threads > 1 ? sharedMemory() : undefined;
    this.memory = shared ?? new WebAssembly.Memory({ initial: slack / pageBytes, maximum: mostPages });
    const count = shared ? threads : 1;
    this.stacks = Array.from({ length: count }, (_, i) => wordBytes + i * stackBytes);
    this.#top = wordBytes + count * stackBytes;
  }

  /** Whether several threads see the memory. */
  get isShared(): boolean {
    return this.stacks.length > 1;
  }

  /** Takes a range, filled with zeros. @throws LimitError where the memory cannot grow so far. */
  take(bytes: number): number {
    const wanted = Math.max(step, Math.ceil(bytes / step) * step);
    const i = this.#free.findIndex((range) => range.bytes >= wanted);
    if (i >= 0) {
      const { at, bytes: whole } = this.#free[i]!;
      this.#free.splice(i, 1, ...(whole > wanted ? [{ at: at + wanted, bytes: whole - wanted }] : []));
      // Of shared memory, browsers fill one element at a time: the wider, the faster.
      new Float64Array(this.memory.buffer, at, wanted / 8).fill(0);
      return at;
    }
    const at = this.#top;
    const end = at + wanted + slack;
    const missing = Math.ceil((end - this.memory.buffer.byteLength) / pageBytes);
    if (missing > 0) {
      try {
        this.memory.grow(missing);
      } catch (cause) {
        throw new LimitError(
          `WebAssembly's memory of ${this.memory.buffer.byteLength} bytes has no room for ${bytes} more`,
          { cause },
        );
      }
    }
    this.#top = at + wanted;
    return at;
  }

  /** Gives a range back. */
  free(at: number, bytes: number): void {
    const whole = Math.max(step, Math.ceil(bytes / step) * step);
    const i = this.#free.findIndex((range) => range.at > at);
    this.#free.splice(i < 0 ? this.#free.length : i, 0, { at, bytes: whole });
    const joined: Range[] = [];
    for (const range of this.#free) {
      const last = joined.at(-1);
      if (last && last.at + last.bytes === range.at)
        joined.splice(-1, 1, { at: last.at, bytes: last.bytes + range.bytes });
      else joined.push(range);
    }
    this.#free = joined;
  }

  /** A view of a range. It is valid until the memory grows. */
  bytes(at: number, length: number): Uint8Array {
    return new Uint8Array(this.memory.buffer, at, length);
  }
}
