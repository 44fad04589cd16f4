import type { Heap } from "./memory.ts";

/** A buffer: a range of the device's memory. */
export class Buffer {
  readonly label: string;
  readonly size: number;
  readonly usage: number;
  readonly at: number;
  readonly #heap: Heap;
  /** Resolves once all commands before it have run. */
  readonly #settled: () => Promise<void>;
  #copy: ArrayBuffer | undefined;
  #destroyed = false;

  constructor(heap: Heap, { label = "", size, usage }: GPUBufferDescriptor, settled: () => Promise<void>) {
    this.label = label;
    this.size = size;
    this.usage = usage;
    this.#heap = heap;
    this.#settled = settled;
    this.at = heap.take(size);
  }

  get bytes(): Uint8Array {
    return this.#heap.bytes(this.at, this.size);
  }

  async mapAsync(_mode: number, offset = 0, size = this.size - offset): Promise<void> {
    await this.#settled();
    // The copy holds what the range holds now; later commands may change it.
    this.#copy = new ArrayBuffer(this.size);
    new Uint8Array(this.#copy, offset, size).set(this.bytes.subarray(offset, offset + size));
  }

  getMappedRange(offset = 0, size = this.size - offset): ArrayBuffer {
    return offset === 0 && size === this.size ? this.#copy! : this.#copy!.slice(offset, offset + size);
  }

  unmap(): void {
    this.#copy = undefined;
  }

  destroy(): void {
    if (this.#destroyed) return;
    this.#destroyed = true;
    // Commands on their way may still use it.
    void this.#settled().then(() => this.#heap.free(this.at, this.size));
  }
}

/** A range of a buffer, as bind groups have it. */
export interface BufferRange {
  readonly buffer: Buffer;
  readonly offset?: number;
}
