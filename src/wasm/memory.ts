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

/** Where arrays of functions are. One kernel runs at a time, so all share the place. */
export const stack = { at: step, bytes: 65536 } as const;

interface Range {
  readonly at: number;
  readonly bytes: number;
}

/** One memory for all buffers of a device, and which of its ranges are free. */
export class Heap {
  readonly memory = new WebAssembly.Memory({ initial: slack / pageBytes, maximum: mostPages });
  /** Free ranges by position; no two are neighbours. */
  #free: Range[] = [];
  /** Where no range has ever been. */
  #top = stack.at + stack.bytes;

  /** Takes a range, filled with zeros. @throws LimitError where the memory cannot grow so far. */
  take(bytes: number): number {
    const wanted = Math.max(step, Math.ceil(bytes / step) * step);
    const i = this.#free.findIndex((range) => range.bytes >= wanted);
    if (i >= 0) {
      const { at, bytes: whole } = this.#free[i]!;
      this.#free.splice(i, 1, ...(whole > wanted ? [{ at: at + wanted, bytes: whole - wanted }] : []));
      this.bytes(at, wanted).fill(0);
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
  bytes(at: number, length: number): Uint8Array<ArrayBuffer> {
    return new Uint8Array(this.memory.buffer as ArrayBuffer, at, length);
  }
}
