import { DeviceError } from "../errors.ts";
import { mapRead, usage } from "./flags.ts";
import { Nudge } from "./nudge.ts";

/** Staging buffers of one size. */
interface Ring {
  readonly free: GPUBuffer[];
  made: number;
}

/** Staging buffers that are kept per size; where more reads are under way at once, the surplus is destroyed after use. */
const ringLength = 4;

/**
 * Brings bytes back from the GPU through a ring of mapped buffers. A read copies at its place in the queue, behind the steps
 * submitted so far and before later ones, and holds none of them up.
 */
export class Readback {
  readonly #device: GPUDevice;
  readonly #rings = new Map<number, Ring>();
  readonly #nudge: Nudge;

  constructor(device: GPUDevice) {
    this.#device = device;
    this.#nudge = new Nudge(device.queue);
  }

  /** Bytes of all staging buffers. */
  get bytes(): number {
    return [...this.#rings].reduce((sum, [size, { made }]) => sum + size * made, 0);
  }

  /** Makes the first staging buffer for reads of so many bytes. */
  prepare(bytes: number): void {
    const { size, ring } = this.#ring(bytes);
    if (ring.made === 0) ring.free.push(this.#make(size, ring));
  }

  /** The bytes as they are after everything submitted so far. */
  async read(source: GPUBuffer, offset: number, bytes: number): Promise<ArrayBuffer> {
    const { size, ring } = this.#ring(bytes);
    // Waiting for a buffer would let later steps overwrite the value: the copy is enqueued before the caller's next submit.
    const staging = ring.free.pop() ?? this.#make(size, ring);
    try {
      const encoder = this.#device.createCommandEncoder({ label: "readback" });
      encoder.copyBufferToBuffer(source, offset, staging, 0, Math.ceil(bytes / 4) * 4);
      this.#device.queue.submit([encoder.finish()]);
      await this.#nudge.until(staging.mapAsync(mapRead, 0, Math.ceil(bytes / 8) * 8));
      const copy = staging.getMappedRange(0, Math.ceil(bytes / 8) * 8).slice(0, bytes);
      staging.unmap();
      return copy;
    } catch (cause) {
      throw new DeviceError(`a read was cut off: ${(cause as Error).message}`, { cause });
    } finally {
      if (ring.made <= ringLength) ring.free.push(staging);
      else {
        staging.destroy();
        ring.made--;
      }
    }
  }

  destroy(): void {
    for (const { free } of this.#rings.values()) for (const staging of free) staging.destroy();
    this.#rings.clear();
  }

  #ring(bytes: number): { size: number; ring: Ring } {
    const size = 2 ** Math.max(8, Math.ceil(Math.log2(bytes)));
    const known = this.#rings.get(size);
    if (known) return { size, ring: known };
    const ring: Ring = { free: [], made: 0 };
    this.#rings.set(size, ring);
    return { size, ring };
  }

  #make(size: number, ring: Ring): GPUBuffer {
    ring.made++;
    return this.#device.createBuffer({ label: "readback", size, usage: usage.mapRead | usage.copyTarget });
  }
}
