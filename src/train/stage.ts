import { sizeOf } from "../graph/shape.ts";
import { arrayOf, type TensorData } from "../graph/tensor.ts";
import type { Specs } from "./specs.ts";

/**
 * Host memory for one batch, used again for every batch: `run` copies what it is fed before it returns. Values are
 * converted to the dtypes of the model as they arrive.
 */
export class Stage {
  /** Most samples that fit. */
  readonly capacity: number;
  readonly #arrays: ReadonlyMap<string, { readonly data: TensorData; readonly size: number }>;

  constructor(specs: Specs, capacity: number) {
    this.capacity = capacity;
    this.#arrays = new Map(
      Object.entries(specs).map(([name, { shape, dtype }]) => {
        const size = sizeOf(shape);
        return [name, { data: new arrayOf[dtype](capacity * size), size }];
      }),
    );
  }

  /** Copies samples `from` … `from + rows` of an array to place `to`. */
  put(name: string, source: ArrayLike<number>, from: number, rows: number, to: number): void {
    const { data, size } = this.#arrays.get(name)!;
    if (rows * size <= 32 || Array.isArray(source)) {
      for (let i = 0; i < rows * size; i++) data[to * size + i] = source[from * size + i]!;
    } else {
      data.set((source as Float32Array).subarray(from * size, (from + rows) * size), to * size);
    }
  }

  /** Copies the samples of an array that `order` lists from `from` on. */
  gather(name: string, source: ArrayLike<number>, order: Uint32Array | undefined, from: number, rows: number): void {
    if (!order) this.put(name, source, from, rows, 0);
    else for (let i = 0; i < rows; i++) this.put(name, source, order[from + i]!, 1, i);
  }

  /** The first `rows` samples of an array, without a copy. */
  values(name: string, rows = this.capacity): TensorData | undefined {
    const array = this.#arrays.get(name);
    return array && (rows === this.capacity ? array.data : array.data.subarray(0, rows * array.size));
  }

  /** Fills the place behind the first `rows` samples by repeating them: what is no sample is at least like one. */
  pad(rows: number): void {
    for (const { data, size } of this.#arrays.values()) {
      for (let filled = rows; filled < this.capacity; filled *= 2) {
        data.copyWithin(filled * size, 0, Math.min(filled, this.capacity - filled) * size);
      }
    }
  }

  /** Values for a program's inputs: those of the first `rows` samples. */
  feeds(names: readonly string[], rows = this.capacity): Record<string, TensorData> {
    return Object.fromEntries(names.map((name) => [name, this.values(name, rows)!]));
  }
}
