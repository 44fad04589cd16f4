import type { Buffer, BufferRange } from "./buffer.ts";
import { dispatch, type Prepared, prepare } from "./dispatch.ts";
import type { Pipeline } from "./pipeline.ts";
import type { Command } from "./queue.ts";
import type { Threads } from "./threads.ts";

/** Buffers of a dispatch, by the numbers of their bindings. */
export interface BindGroup {
  readonly entries: readonly { readonly binding: number; readonly resource: BufferRange }[];
  /** Its last dispatch. A program's steps have the same ones, and to prepare one may take longer than to run it. */
  last?: Prepared;
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
    const prepared = this.#prepared(this.#group!, this.#pipeline!, [x, y, z]);
    if (prepared) this.#commands.push(dispatch(prepared, this.#threads));
  }

  #prepared(group: BindGroup, pipeline: Pipeline, counts: Prepared["counts"]): Prepared | undefined {
    const { last, entries } = group;
    if (last?.pipeline === pipeline && counts.every((count, i) => count === last.counts[i])) return last;
    const { bindings } = pipeline;
    const places = bindings.map((binding) => entries.find((entry) => entry.binding === binding)?.resource);
    const missing = places.findIndex((place) => !place);
    if (missing >= 0) {
      this.#refuse(`binding ${bindings[missing]} of a kernel has no buffer`);
      return undefined;
    }
    const addresses = places.map((place) => place!.buffer.at + (place!.offset ?? 0));
    group.last = prepare(pipeline, addresses, counts);
    return group.last;
  }

  end(): void {
    this.#ended();
  }
}
