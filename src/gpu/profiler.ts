import { usage } from "./flags.ts";

/**
 * Times single passes by the GPU's own clock. Chrome rounds it to 65.5 µs, so that short kernels need many repetitions before a
 * figure means anything.
 */
export class Profiler {
  readonly #device: GPUDevice;
  readonly #queries: GPUQuerySet;
  readonly #count: number;

  /** @param passes no more than 2048: a query set holds two queries of each. */
  constructor(device: GPUDevice, passes: number) {
    this.#device = device;
    this.#count = 2 * passes;
    this.#queries = device.createQuerySet({ label: "profile", type: "timestamp", count: this.#count });
  }

  /** What to begin pass number `pass` with. */
  timestamps(pass: number): GPUComputePassTimestampWrites {
    return { querySet: this.#queries, beginningOfPassWriteIndex: 2 * pass, endOfPassWriteIndex: 2 * pass + 1 };
  }

  /** Ends the encoder, submits it, and gives each pass's time in milliseconds. */
  async finish(
    encoder: GPUCommandEncoder,
    read: (buffer: GPUBuffer, offset: number, bytes: number) => Promise<ArrayBuffer>,
  ): Promise<number[]> {
    const size = 8 * this.#count;
    const buffer = this.#device.createBuffer({ label: "profile", size, usage: usage.queryResolve | usage.copySource });
    encoder.resolveQuerySet(this.#queries, 0, this.#count, buffer, 0);
    this.#device.queue.submit([encoder.finish()]);
    const times = new BigUint64Array(await read(buffer, 0, size));
    buffer.destroy();
    this.#queries.destroy();
    return Array.from({ length: this.#count / 2 }, (_, i) => Number(times[2 * i + 1]! - times[2 * i]!) / 1e6);
  }
}
