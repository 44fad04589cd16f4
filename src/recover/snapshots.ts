import { DeviceError, StateError } from "../errors.ts";
import type { LiveDevice } from "../gpu/live.ts";
import type { Place } from "../gpu/readback.ts";
import type { PrintedCall, VirtualBuffer } from "../kernels/call.ts";
import type { Residence } from "../runtime/residence.ts";

/** Most bytes to read back in one piece: a copy of them on the host delays a page by about 20 ms. */
const pieceBytes = 2 ** 26;

/** Bytes of an arena, from an offset on. */
interface Part {
  readonly arena: VirtualBuffer;
  readonly offset: number;
  readonly bytes: BufferSource;
}

/** The values of all variables at one point of the queue. */
interface Snapshot<P> {
  /** Where the app was. */
  position: P | undefined;
  /** Number of runs before it that changed variables. */
  readonly runs: number;
  /** Read back from the GPU. */
  parts: readonly Part[];
  /** What the host wrote later and the values need, by arena and offset. */
  readonly writes: Map<VirtualBuffer, Map<number, Part>>;
  /** The arenas that existed before the first run after it. */
  known: ReadonlySet<VirtualBuffer>;
}

/** The part of a runner that snapshots need. */
interface Host {
  readonly live: LiveDevice;
  readonly residence: Residence;
}

/**
 * Keeps the values of all variables on the host: the last snapshot, and what the host wrote after it. What it wrote
 * before the next run counts, because a model may be loaded between two runs. What it wrote after that run does not,
 * because an app that goes back to the snapshot does it again. Variables that are younger than that run start with all
 * that was written to them.
 */
export class Snapshots<P> {
  readonly #host: Host;
  /** The last one that is complete; at first an empty one, of the time before any run. */
  #latest: Snapshot<P>;
  /** Those being read back, oldest first. */
  #pending: Snapshot<P>[] = [];
  /** Arenas whose values only the GPU has so far. */
  #unknown: ReadonlySet<VirtualBuffer>;
  #runs = 0;

  constructor(host: Host) {
    this.#host = host;
    this.#unknown = new Set(host.residence.arenas.keys());
    this.#latest = this.#start(undefined);
  }

  #start(position: P | undefined): Snapshot<P> {
    return { position, runs: this.#runs, parts: [], writes: new Map(), known: new Set() };
  }

  /** The app's position at the last complete snapshot. */
  get position(): P | undefined {
    return this.#latest.position;
  }

  /** Whether runs have changed variables since the last snapshot, and no other is on its way. */
  get isDue(): boolean {
    return this.#pending.length === 0 && (this.#runs > this.#latest.runs || this.#unknown.size > 0);
  }

  /** Notes the app's position where no variable has changed since a snapshot. @returns whether a complete one is so young. */
  moved(position: () => P): boolean {
    for (const snapshot of this.#all) if (snapshot.runs === this.#runs) snapshot.position = position();
    return this.#latest.runs === this.#runs && this.#unknown.size === 0;
  }

  /** Notes what the host is about to write. */
  wrote(arena: VirtualBuffer, offset: number, view: ArrayBufferView): void {
    for (const { runs, known, writes } of this.#all) {
      if (runs < this.#runs && known.has(arena)) continue;
      const bytes = new Uint8Array(view.buffer, view.byteOffset, view.byteLength).slice();
      if (!writes.has(arena)) writes.set(arena, new Map());
      writes.get(arena)!.set(offset, { arena, offset, bytes });
    }
  }

  /** Notes that a run is about to change variables. */
  began(): void {
    for (const snapshot of this.#all)
      if (snapshot.runs === this.#runs) snapshot.known = new Set(this.#host.residence.arenas.keys());
    this.#runs++;
  }

  /**
   * Copies all variables, after everything submitted so far and before anything submitted later. Later runs do not wait
   * for it.
   * @param position where the app is, or the promise of it.
   * @returns bytes copied, when they are safe on the host.
   */
  async take(position: P | undefined | Promise<P>): Promise<number> {
    const { live, residence } = this.#host;
    const snapshot = this.#start(undefined);
    this.#pending.push(snapshot);
    try {
      const reading = Promise.all(
        grouped([...residence.arenas]).map(async (places) => {
          const bytes = await live.readBytes(places);
          return places.map(({ arena, offset }, i): Part => ({ arena, offset, bytes: bytes[i]! }));
        }),
      );
      const [read, where] = await Promise.all([reading, position]);
      snapshot.position ??= where;
      if (!this.#pending.includes(snapshot)) throw new DeviceError("snapshot: the device was lost in the meantime");
      snapshot.parts = read.flat();
      this.#latest = snapshot;
      this.#unknown = new Set();
      return snapshot.parts.reduce((sum, { bytes }) => sum + bytes.byteLength, 0);
    } finally {
      this.#pending = this.#pending.filter((other) => other !== snapshot);
    }
  }

  /**
   * Fills the arenas of the present device.
   * @throws StateError for variables that no snapshot has.
   */
  restore(): void {
    const { live, residence } = this.#host;
    const lost = [...residence.homes].filter(([, { buffer }]) => this.#unknown.has(buffer)).map(([{ name }]) => name);
    if (lost.length > 0) {
      throw new StateError(
        `recover: the device was lost before the first snapshot, and with it the values of ${lost.join(", ")}: call recover before you compile, or await snapshot()`,
      );
    }
    const { parts, writes, runs } = this.#latest;
    for (const { arena, offset, bytes } of [...parts, ...[...writes.values()].flatMap((own) => [...own.values()])]) {
      const buffer = residence.arenas.get(arena);
      if (buffer) live.device.queue.writeBuffer(buffer, offset, bytes);
    }
    this.#pending = [];
    this.#runs = runs;
  }

  get #all(): readonly Snapshot<P>[] {
    return [this.#latest, ...this.#pending];
  }
}

/** Places of whole arenas, in groups to read at once. */
function grouped(arenas: readonly (readonly [VirtualBuffer, GPUBuffer])[]): (Place & Pick<Part, "arena">)[][] {
  const groups: (Place & Pick<Part, "arena">)[][] = [];
  let room = 0;
  for (const [arena, buffer] of arenas) {
    for (let offset = 0; offset < arena.bytes; offset += pieceBytes) {
      const bytes = Math.min(pieceBytes, arena.bytes - offset);
      if (bytes > room) {
        groups.push([]);
        room = pieceBytes;
      }
      groups.at(-1)!.push({ arena, buffer, offset, bytes });
      room -= bytes;
    }
  }
  return groups;
}

const changing = new WeakMap<readonly PrintedCall[], boolean>();

/** Whether a program writes to variables. */
export function changesVariables(calls: readonly PrintedCall[]): boolean {
  let changes = changing.get(calls);
  changes ??= calls.some(({ bindings }) =>
    bindings.some(({ buffer, access }) => buffer.kind === "variable" && access === "read_write"),
  );
  changing.set(calls, changes);
  return changes;
}
