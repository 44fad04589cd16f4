import { AttributeError, checkList, checkNumber, checkWhole, optionsOf, refuse, StateError } from "../errors.ts";
import { type Kind, type Letter, Opener, sealed } from "./letter.ts";
import { faultOf, listen, type Port, send } from "./port.ts";

/** Who takes part in a training, and how they talk. */
export interface GroupOptions {
  /** The number of this member, from 0. Each member has another. */
  readonly rank: number;
  /** The way to each member, by rank; the own place stays empty: `[undefined, port]` for rank 0 of two. */
  readonly ports: readonly (Port | undefined)[];
  /** Milliseconds to wait for a member before a call fails; default 60 000. */
  readonly timeoutMs?: number;
}

/** A letter that arrived, or a call that waits for one. */
interface Box {
  readonly letters: Letter[];
  wake: (() => void) | undefined;
  /** Why no more will come. */
  end: string | undefined;
}

const textOf = (text: string): Uint8Array => new TextEncoder().encode(text);
const bytesOf = ({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array =>
  new Uint8Array(buffer as ArrayBuffer, byteOffset, byteLength);

/**
 * Members that compute together: tabs, workers or machines, each with an engine of its own. Created by `joinGroup`.
 *
 * All members make the same calls in the same order. A call that fails in one member fails in all of them; then the
 * group goes on with the next call. A member that does not answer, or leaves, ends the group for all.
 */
export class Group {
  readonly rank: number;
  /** Number of members. */
  readonly worldSize: number;
  readonly #ports: readonly (Port | undefined)[];
  readonly #timeoutMs: number;
  readonly #boxes: readonly Box[];
  readonly #stop: readonly (() => void)[];
  #call = 0;
  #isBusy = false;
  /** Why the group has ended. */
  #end: string | undefined;

  /** @internal */
  constructor({ rank, ports, timeoutMs }: Required<GroupOptions>) {
    this.rank = rank;
    this.worldSize = ports.length;
    this.#ports = ports;
    this.#timeoutMs = timeoutMs;
    this.#boxes = ports.map(() => ({ letters: [], wake: undefined, end: undefined }));
    this.#stop = ports.map((port, from) => {
      if (!port) return () => {};
      const opener = new Opener();
      return listen(
        port,
        (bytes) => this.#arrive(from, opener.take(bytes)),
        (why) => this.#gone(from, why),
      );
    });
  }

  /**
   * The sum of everybody's numbers, the same to the bit in all members: it is added up in the order of ranks.
   *
   * Each member adds up one slice of the list and sends it to all others. So it sends 2 · (N − 1) / N of the list, as
   * in a ring, but through a port to each member.
   * @param list as many numbers in each member. It stays as it is.
   * @throws StateError where a member fails, answers with another number of numbers, or does not answer.
   */
  allReduce(list: Float32Array): Promise<Float32Array<ArrayBuffer>> {
    return this.#calling("allReduce", async (call) => {
      const from = (rank: number) => Math.floor((list.length * rank) / this.worldSize);
      const sliceOf = (rank: number) => list.subarray(from(rank), from(rank + 1));
      await this.#toOthers("part", call, (rank) => bytesOf(sliceOf(rank)));
      const own = sliceOf(this.rank);
      const total = new Float32Array(own.length);
      for (let rank = 0; rank < this.worldSize; rank++) {
        const part = rank === this.rank ? own : await this.#numbers(rank, "part", call, own.length);
        for (let i = 0; i < total.length; i++) total[i]! += part[i]!;
      }
      await this.#toOthers("sum", call, () => bytesOf(total));
      const all = new Float32Array(list.length);
      for (let rank = 0; rank < this.worldSize; rank++) {
        const length = from(rank + 1) - from(rank);
        all.set(rank === this.rank ? total : await this.#numbers(rank, "sum", call, length), from(rank));
      }
      return all;
    });
  }

  /**
   * One member's bytes, in all members.
   * @param bytes what the member of rank `source` sends; what others pass is not used.
   * @param source default 0.
   * @throws StateError where a member fails or does not answer.
   */
  broadcast(bytes: Uint8Array, source = 0): Promise<Uint8Array<ArrayBuffer>> {
    checkWhole("broadcast", "source", source, 0, this.worldSize - 1);
    return this.#calling("broadcast", async (call) => {
      if (source !== this.rank) return (await this.#receive(source, "copy", call)).content;
      await this.#toOthers("copy", call, () => bytes);
      return new Uint8Array(bytes);
    });
  }

  /**
   * Takes part in the next call by saying that this member failed: an `allReduce` then fails in all others too, with this
   * reason. For what goes wrong before a member could make its call.
   */
  fail(reason: string): Promise<void> {
    return this.#calling("fail", (call) => this.#toOthers("fault", call, () => textOf(reason)));
  }

  /** Leaves: the calls of all others fail from now on. The ports stay open. */
  async leave(): Promise<void> {
    if (this.#end !== undefined) return;
    await this.#toOthers("bye", this.#call, () => new Uint8Array(0)).catch(() => {});
    this.#close("this member has left the group");
  }

  /** @internal Everybody says who they are. */
  meet(): Promise<void> {
    return this.#calling("joinGroup", async (call) => {
      const hello = (rank: number) => `rank ${rank} of ${this.worldSize}`;
      await this.#toOthers("hello", call, () => textOf(hello(this.rank)));
      for (const rank of this.#others()) {
        const said = new TextDecoder().decode((await this.#receive(rank, "hello", call)).content);
        if (said !== hello(rank))
          throw new StateError(`joinGroup: port ${rank} leads to ${said}, expected ${hello(rank)}`);
      }
    });
  }

  #others(): number[] {
    return [...this.#ports.keys()].filter((rank) => rank !== this.rank);
  }

  /** Runs one call of the group; if it fails here, it fails everywhere. */
  async #calling<T>(name: string, act: (call: number) => Promise<T>): Promise<T> {
    const gone = this.#boxes.find(({ end }) => end !== undefined)?.end;
    if (gone !== undefined) this.#close(gone);
    if (this.#end !== undefined) throw new StateError(`${name}: the group has ended: ${this.#end}`);
    if (this.#isBusy) throw new StateError(`${name}: another call of this group is running: await it first`);
    this.#isBusy = true;
    try {
      return await act(++this.#call);
    } finally {
      this.#isBusy = false;
    }
  }

  async #toOthers(kind: Kind, call: number, content: (rank: number) => Uint8Array): Promise<void> {
    await Promise.all(this.#others().map((rank) => send(this.#ports[rank]!, sealed(kind, call, content(rank)))));
  }

  async #numbers(rank: number, kind: Kind, call: number, length: number): Promise<Float32Array> {
    const { content } = await this.#receive(rank, kind, call);
    if (content.length === 4 * length) return new Float32Array(content.buffer);
    return this.#over(`rank ${rank} sends ${content.length} bytes, expected ${4 * length}: are the models the same?`);
  }

  /** The next letter of a member, which must belong to this call. */
  async #receive(rank: number, kind: Kind, call: number): Promise<Letter> {
    for (;;) {
      const letter = await this.#next(rank);
      // Left over from a call that failed in a third member.
      if (letter.call < call) continue;
      if (letter.call === call && letter.kind === "fault")
        throw new StateError(`rank ${rank} failed: ${new TextDecoder().decode(letter.content)}`);
      if (letter.call === call && letter.kind === kind) return letter;
      return this.#over(
        `rank ${rank} sends "${letter.kind}" of call ${letter.call}, expected "${kind}" of call ${call}: all members must make the same calls in the same order`,
      );
    }
  }

  async #next(rank: number): Promise<Letter> {
    const box = this.#boxes[rank]!;
    if (box.letters.length === 0 && box.end === undefined && this.#end === undefined) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(() => {
          this.#close(`rank ${rank} did not answer within ${this.#timeoutMs} ms`);
          resolve();
        }, this.#timeoutMs);
        box.wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
      box.wake = undefined;
    }
    // What a member sent before it left still counts.
    const letter = box.letters.shift();
    if (letter) return letter;
    if (box.end !== undefined) this.#close(box.end);
    throw new StateError(`the group has ended: ${this.#end}`);
  }

  #arrive(from: number, letter: Letter | undefined): void {
    if (!letter) return;
    const box = this.#boxes[from]!;
    if (letter.kind === "bye") this.#gone(from, "it has left");
    else box.letters.push(letter);
    box.wake?.();
  }

  #gone(rank: number, why: string): void {
    const box = this.#boxes[rank]!;
    box.end ??= `rank ${rank} is gone: ${why}`;
    box.wake?.();
  }

  /** Ends the group for all, because members are no longer at the same place. */
  async #over(why: string): Promise<never> {
    await this.leave();
    this.#end = why;
    throw new StateError(why);
  }

  #close(why: string): void {
    if (this.#end !== undefined) return;
    this.#end = why;
    for (const stop of this.#stop) stop();
    for (const { wake } of this.#boxes) wake?.();
  }
}

/**
 * Joins a group. Resolves when all members have joined.
 *
 * ```ts
 * const { port1, port2 } = new MessageChannel();
 * worker.postMessage({ port: port2 }, [port2]); // it calls joinGroup({ rank: 1, ports: [port, undefined] })
 * const group = await joinGroup({ rank: 0, ports: [undefined, port1] });
 * ```
 * @throws AttributeError for unfit ports. StateError where a member does not answer, or is another one than expected.
 */
export async function joinGroup(options: GroupOptions): Promise<Group> {
  const all = optionsOf("joinGroup", options, {
    rank: undefined as never,
    ports: undefined as never,
    timeoutMs: 60_000,
  });
  const { rank, timeoutMs } = all;
  const ports = Array.from(checkList("joinGroup", "ports", all.ports));
  checkWhole("joinGroup", "rank", rank, 0, ports.length - 1);
  checkNumber(
    "joinGroup",
    "timeoutMs",
    timeoutMs,
    "a number of milliseconds up to 2147483647",
    (n) => n > 0 && n < 2 ** 31,
  );
  for (const [i, port] of ports.entries()) {
    if (i === rank) {
      if (port !== undefined && port !== null) refuse("joinGroup", `ports[${i}]`, port, "undefined: it is this member");
      continue;
    }
    const fault = faultOf(port);
    if (fault) throw new AttributeError(`joinGroup: ports[${i}] is ${fault}`);
  }
  const own = ports.map((port, i) => (i === rank ? undefined : port));
  const group = new Group({ rank, ports: own, timeoutMs });
  try {
    await group.meet();
  } catch (error) {
    await group.leave();
    throw error;
  }
  return group;
}
