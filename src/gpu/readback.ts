import { DeviceError, TilegradError } from "../errors.ts";
import { mapRead, usage } from "./flags.ts";
import { Nudge } from "./nudge.ts";
import { scoped } from "./scopes.ts";

/** Staging buffers of one size. */
interface Ring {
  readonly free: GPUBuffer[];
  made: number;
  /** Number of outputs of this size. */
  users: number;
}

/** A range of a buffer, in bytes. */
export interface Place {
  readonly buffer: GPUBuffer;
  readonly offset: number;
  readonly bytes: number;
}

/** Where each place begins in one staging buffer for all: mapped ranges must be multiples of eight bytes. */
function layOut(places: readonly Pick<Place, "bytes">[]): {
  readonly starts: readonly number[];
  readonly total: number;
} {
  let total = 0;
  const starts = places.map(({ bytes }) => {
    const start = total;
    total += Math.ceil(bytes / 8) * 8;
    return start;
  });
  return { starts, total };
}

/**
 * Staging buffers to keep per size while a program has an output of that size, else one. The surplus is destroyed after
 * use.
 */
const ringLength = 4;

/**
 * Reads bytes back from the GPU through a ring of mapped buffers. A read copies at its place in the queue, after the
 * steps submitted so far and before later ones, and delays neither.
 */
export class Readback {
  readonly #device: GPUDevice;
  readonly #rings = new Map<number, Ring>();
  readonly #nudge: Nudge;
  #destroyed = false;

  constructor(device: GPUDevice) {
    this.#device = device;
    this.#nudge = new Nudge(device.queue);
  }

  /** Bytes of all staging buffers. */
  get bytes(): number {
    return [...this.#rings].reduce((sum, [size, { made }]) => sum + size * made, 0);
  }

  /**
   * Creates the first staging buffer for reads of these places, if memory allows. If not, the read itself retries and
   * reports it.
   */
  async prepare(places: readonly Pick<Place, "bytes">[]): Promise<void> {
    const { size, ring } = this.#ring(layOut(places).total);
    ring.users++;
    if (ring.made > 0) return;
    ring.made++;
    try {
      ring.free.push(await scoped(this.#device, "read", () => this.#make(size)));
      this.#trim(ring);
    } catch {
      ring.made--;
    }
  }

  /** Releases what `prepare` created. */
  letGo(places: readonly Pick<Place, "bytes">[]): void {
    const { ring } = this.#ring(layOut(places).total);
    ring.users--;
    this.#trim(ring, 0);
  }

  /**
   * The bytes of several places, read together after everything submitted so far.
   * @param encoder commands to submit before the copies; this call submits them.
   */
  async read(
    places: readonly Place[],
    encoder: GPUCommandEncoder = this.#device.createCommandEncoder({ label: "readback" }),
  ): Promise<ArrayBuffer[]> {
    const { starts, total } = layOut(places);
    const { size, ring } = this.#ring(total);
    // Do not wait for a free buffer: later steps would overwrite the values. The copies must be enqueued before the
    // caller's next submit.
    const known = ring.free.pop();
    if (!known) ring.made++;
    let staging: GPUBuffer | undefined;
    let sound = false;
    const fetch = async (): Promise<ArrayBuffer[]> => {
      staging = known ?? this.#make(size);
      for (const [i, { buffer, offset, bytes }] of places.entries())
        encoder.copyBufferToBuffer(buffer, offset, staging, starts[i]!, Math.ceil(bytes / 4) * 4);
      this.#device.queue.submit([encoder.finish()]);
      await this.#nudge.until(staging.mapAsync(mapRead, 0, total));
      const mapped = staging.getMappedRange(0, total);
      const copies = places.map(({ bytes }, i) => mapped.slice(starts[i]!, starts[i]! + bytes));
      staging.unmap();
      return copies;
    };
    try {
      const copies = await (known ? fetch() : scoped(this.#device, "read", fetch));
      sound = true;
      return copies;
    } catch (cause) {
      if (cause instanceof TilegradError) throw cause;
      throw new DeviceError(`a read was interrupted: ${(cause as Error).message}`, { cause });
    } finally {
      if (sound) ring.free.push(staging!);
      else {
        staging?.destroy();
        ring.made--;
      }
      this.#trim(ring);
    }
  }

  /** Destroys surplus staging buffers. @param unused how many to keep where no program has outputs of this size. */
  #trim(ring: Ring, unused = 1): void {
    const kept = this.#destroyed ? 0 : ring.users > 0 ? ringLength : unused;
    while (ring.free.length > 0 && ring.made > kept) {
      ring.free.pop()!.destroy();
      ring.made--;
    }
  }

  /** Destroys the staging buffers; those of pending reads go when the reads end. */
  destroy(): void {
    this.#destroyed = true;
    for (const ring of this.#rings.values()) this.#trim(ring);
  }

  #ring(bytes: number): { size: number; ring: Ring } {
    const size = 2 ** Math.max(8, Math.ceil(Math.log2(bytes)));
    const known = this.#rings.get(size);
    if (known) return { size, ring: known };
    const ring: Ring = { free: [], made: 0, users: 0 };
    this.#rings.set(size, ring);
    return { size, ring };
  }

  #make(size: number): GPUBuffer {
    return this.#device.createBuffer({ label: "readback", size, usage: usage.mapRead | usage.copyTarget });
  }
}
