import type { Buffer, BufferRange } from "./buffer.ts";
import { dispatch } from "./dispatch.ts";
import type { Pipeline } from "./pipeline.ts";
import type { Command } from "./queue.ts";
import type { Threads } from "./threads.ts";

/** Buffers of a dispatch, by the numbers of their bindings. */
export interface BindGroup {
  readonly entries: readonly { readonly binding: number; readonly resource: BufferRange }[];
}

/** Readings of a clock, in nanoseconds. */
export interface QuerySet {
  readonly times: BigUint64Array;
  destroy(): void;
}

interface TimestampWrites {
  readonly querySet: QuerySet;
  readonly beginningOfPassWriteIndex?: number;
  readonly endOfPassWriteIndex?: number;
}

/** Writes commands down, to be submitted. */
export class CommandEncoder {
  readonly commands: Command[] = [];
  readonly #refuse: (message: string) => void;
  readonly #threads: Threads | undefined;

  /** @param refuse takes what is wrong with a command. */
  constructor(refuse: (message: string) => void, threads: Threads | undefined) {
    this.#refuse = refuse;
    this.#threads = threads;
  }

  beginComputePass({ timestampWrites }: { timestampWrites?: TimestampWrites } = {}): ComputePass {
    const { querySet, beginningOfPassWriteIndex: first, endOfPassWriteIndex: last } = timestampWrites ?? {};
    const reading = (index: number | undefined) => {
      if (querySet && index !== undefined)
        this.commands.push(() => {
          querySet.times[index] = BigInt(Math.round(performance.now() * 1e6));
          return true;
        });
    };
    reading(first);
    return new ComputePass(this.commands, () => reading(last), this.#refuse, this.#threads);
  }

  copyBufferToBuffer(from: Buffer, fromOffset: number, to: Buffer, toOffset: number, bytes: number): void {
    if (fromOffset + bytes > from.size || toOffset + bytes > to.size) {
      this.#refuse(`a copy of ${bytes} bytes does not fit buffers of ${from.size} and ${to.size}`);
      return;
    }
    this.commands.push(() => {
      to.bytes.set(from.bytes.subarray(fromOffset, fromOffset + bytes), toOffset);
      return true;
    });
  }

  resolveQuerySet(querySet: QuerySet, first: number, count: number, to: Buffer, offset: number): void {
    this.commands.push(() => {
      to.bytes.set(new Uint8Array(querySet.times.buffer, 8 * first, 8 * count), offset);
      return true;
    });
  }

  finish(): CommandEncoder {
    return this;
  }
}

class ComputePass {
  readonly #commands: Command[];
  readonly #ended: () => void;
  readonly #refuse: (message: string) => void;
  readonly #threads: Threads | undefined;
  #pipeline: Pipeline | undefined;
  #group: BindGroup | undefined;

  constructor(commands: Command[], ended: () => void, refuse: (message: string) => void, threads: Threads | undefined) {
    this.#commands = commands;
    this.#ended = ended;
    this.#refuse = refuse;
    this.#threads = threads;
  }

  setPipeline(pipeline: Pipeline): void {
    this.#pipeline = pipeline;
  }

  setBindGroup(_index: number, group: BindGroup): void {
    this.#group = group;
  }

  dispatchWorkgroups(x: number, y = 1, z = 1): void {
    const pipeline = this.#pipeline!;
    const { bindings } = pipeline;
    const { entries } = this.#group!;
    const places = bindings.map((binding) => entries.find((entry) => entry.binding === binding)?.resource);
    const missing = places.findIndex((place) => !place);
    if (missing >= 0) {
      this.#refuse(`binding ${bindings[missing]} of a kernel has no buffer`);
      return;
    }
    const addresses = places.map((place) => place!.buffer.at + (place!.offset ?? 0));
    this.#commands.push(dispatch(pipeline, addresses, [x, y, z], this.#threads));
  }

  end(): void {
    this.#ended();
  }
}
