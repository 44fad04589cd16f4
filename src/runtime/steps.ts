import type { Lowered } from "../compile/lower.ts";
import type { TilegradError } from "../errors.ts";
import { usage } from "../gpu/flags.ts";
import type { Place } from "../gpu/readback.ts";
import { inScopes } from "../gpu/scopes.ts";
import { inMemory } from "../graph/half.ts";
import type { TensorData } from "../graph/tensor.ts";
import type { VirtualBuffer } from "../kernels/call.ts";
import type { Fed, Feeds } from "./feeds.ts";

/** Most steps of a submission, and bytes of their inputs: such a write needs no memory of its own in browsers. */
const most = 64;
const mostBytes = 2 ** 22;

/** Memory for many steps in one submission: the inputs of each, side by side, and a copy of what each results in. */
export class Steps {
  /** How many steps fit. */
  readonly most: number;
  readonly #device: GPUDevice;
  readonly #inputs: Lowered["inputs"];
  /** Where a step's inputs are, after its beginning, and bytes from one step to the next. */
  readonly #offsets = new Map<VirtualBuffer, number>();
  readonly #stride: number;
  #fed: GPUBuffer | undefined;
  #kept: GPUBuffer | undefined;
  /** Why there was no memory for one of them. */
  #refusals: Promise<TilegradError | undefined>[] = [];

  constructor(device: GPUDevice, inputs: Lowered["inputs"]) {
    const step = device.limits.minStorageBufferOffsetAlignment;
    let end = 0;
    for (const { buffer } of inputs.values()) {
      this.#offsets.set(buffer, end);
      end += Math.ceil(buffer.bytes / step) * step;
    }
    this.#device = device;
    this.#inputs = inputs;
    this.#stride = end;
    this.most = end === 0 ? most : Math.max(1, Math.min(most, Math.floor(mostBytes / end)));
  }

  /** Where the inputs of a step are. @param given those that are GPU memory of the app. */
  placesOf(step: number, given: ReadonlyMap<VirtualBuffer, Fed>): ReadonlyMap<VirtualBuffer, Fed> {
    if (this.#stride === 0) return given;
    this.#fed ??= this.#make("inputs of steps", this.most * this.#stride, usage.storage | usage.copyTarget);
    const buffer = this.#fed;
    const all = [...this.#offsets].map(([input, offset]) => [input, { buffer, offset: step * this.#stride + offset }]);
    return new Map([...(all as [VirtualBuffer, Fed][]), ...given]);
  }

  /** Writes the inputs of steps, all at once. */
  write(steps: readonly Feeds[]): void {
    if (!this.#fed) return;
    const all = new Uint8Array(steps.length * this.#stride);
    for (const [i, feeds] of steps.entries())
      for (const [name, { buffer, tensor }] of this.#inputs) {
        const data = feeds[name]!;
        if (!ArrayBuffer.isView(data)) continue;
        const { buffer: bytes, byteOffset, byteLength } = inMemory(data as TensorData, tensor.dtype);
        all.set(new Uint8Array(bytes, byteOffset, byteLength), i * this.#stride + this.#offsets.get(buffer)!);
      }
    this.#device.queue.writeBuffer(this.#fed, 0, all);
  }

  /** Room for what steps result in. @param results where one step's are. */
  keep(results: readonly Place[], steps: number): Kept {
    const starts: number[] = [];
    let stride = 0;
    for (const { bytes } of results) {
      starts.push(stride);
      stride += Math.ceil(bytes / 4) * 4;
    }
    const size = steps * stride;
    if (!this.#kept || this.#kept.size < size) {
      this.#kept?.destroy();
      this.#kept = this.#make("results of steps", size, usage.copySource | usage.copyTarget);
    }
    const kept = this.#kept;
    return {
      place: { buffer: kept, offset: 0, bytes: size },
      copy(encoder, step) {
        for (const [i, { buffer, offset, bytes }] of results.entries())
          encoder.copyBufferToBuffer(buffer, offset, kept, step * stride + starts[i]!, Math.ceil(bytes / 4) * 4);
      },
      of: (bytes, step) =>
        results.map(({ bytes: length }, i) => {
          const start = step * stride + starts[i]!;
          return bytes.slice(start, start + length);
        }),
    };
  }

  /** @throws LimitError when the GPU had no memory. The next steps try again. */
  async check(): Promise<void> {
    const refusals = this.#refusals;
    this.#refusals = [];
    const refusal = (await Promise.all(refusals)).find(Boolean);
    if (!refusal) return;
    this.destroy();
    throw refusal;
  }

  destroy(): void {
    this.#fed?.destroy();
    this.#kept?.destroy();
    this.#fed = this.#kept = undefined;
  }

  #make(label: string, size: number, flags: number): GPUBuffer {
    const make = () => this.#device.createBuffer({ label, size, usage: flags });
    const { value, error } = inScopes(this.#device, label, make);
    this.#refusals.push(error);
    return value;
  }
}

/** What some steps result in. */
export interface Kept {
  /** All of it. */
  readonly place: Place;
  /** Copies what a step results in, after it. */
  copy(encoder: GPUCommandEncoder, step: number): void;
  /** The bytes of each result of a step. @param all the bytes of `place`. */
  of(all: ArrayBuffer, step: number): ArrayBuffer[];
}
