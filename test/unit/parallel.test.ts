import { describe, expect, test } from "vitest";
import { AttributeError, StateError } from "../../src/errors.ts";
import { joinGroup, type Port } from "../../src/parallel/index.ts";
import { groups } from "../parallel.ts";

/** Numbers whose float sum depends on the order. */
const listOf = (rank: number, length: number) =>
  Float32Array.from({ length }, (_, i) => Math.sin(i + 1) * 10 ** ((i + rank) % 7));

const failure = async (promise: Promise<unknown>): Promise<Error> => {
  const result = await promise.then(
    () => undefined,
    (error) => error,
  );
  if (result instanceof Error) return result;
  throw new Error("nothing was thrown");
};

describe("allReduce", () => {
  test.each([
    [1, 5],
    [2, 0],
    [2, 1],
    [3, 2],
    [3, 1000],
    [5, 37],
  ])("%i members, %i numbers: the float sum in the order of ranks", async (size, length) => {
    const joined = await groups(size);
    const lists = joined.map((_, rank) => listOf(rank, length));
    const copies = lists.map((list) => list.slice());
    const sums = await Promise.all(joined.map((group, rank) => group.allReduce(lists[rank]!)));
    const expected = new Float32Array(length);
    for (const list of copies) for (let i = 0; i < length; i++) expected[i]! += list[i]!;
    for (const sum of sums) expect(sum).toEqual(expected);
    expect(lists).toEqual(copies);
  });

  test("many calls in a row, with members of different speed", async () => {
    const joined = await groups(3);
    const wait = () => new Promise((resolve) => setTimeout(resolve, 2));
    const run = async (rank: number) => {
      const found: number[] = [];
      for (let i = 0; i < 30; i++) {
        if (i % (rank + 2) === 0) await wait();
        found.push((await joined[rank]!.allReduce(Float32Array.of(i * (rank + 1))))[0]!);
      }
      return found;
    };
    const expected = Array.from({ length: 30 }, (_, i) => 6 * i);
    expect(await Promise.all([0, 1, 2].map(run))).toEqual([expected, expected, expected]);
  });
});

test("broadcast gives everybody the bytes of one", async () => {
  const joined = await groups(3);
  const bytes = Uint8Array.of(1, 2, 3);
  const found = await Promise.all(
    joined.map((group) => group.broadcast(group.rank === 2 ? bytes : new Uint8Array(0), 2)),
  );
  expect(found).toEqual([bytes, bytes, bytes]);
  expect(() => joined[0]!.broadcast(bytes, 3)).toThrow("broadcast: source is 3, expected a whole number from 0 to 2");
});

describe("failures", () => {
  test("of one member fail the call in all, and the next call goes on", async () => {
    const joined = await groups(3);
    const calls = [
      failure(joined[0]!.allReduce(listOf(0, 9))),
      joined[1]!.fail("no more data"),
      failure(joined[2]!.allReduce(listOf(2, 9))),
    ];
    const [a, , c] = await Promise.all(calls);
    for (const error of [a, c]) {
      expect(error).toBeInstanceOf(StateError);
      expect((error as Error).message).toBe("rank 1 failed: no more data");
    }
    const sums = await Promise.all(joined.map((group) => group.allReduce(Float32Array.of(1, 2))));
    for (const sum of sums) expect(Array.from(sum)).toEqual([3, 6]);
  });

  test("different lengths end the group for all", async () => {
    const joined = await groups(2);
    const errors = await Promise.all(joined.map((group, i) => failure(group.allReduce(new Float32Array(4 + 4 * i)))));
    expect(errors.map(({ message }) => message).join("\n")).toMatch(
      /rank [01] sends (8|16) bytes, expected (8|16): are the models the same\?/,
    );
    for (const group of joined)
      await expect(group.allReduce(new Float32Array(4))).rejects.toThrow(/the group has ended/);
  });

  test("different calls end the group, and say which", async () => {
    const joined = await groups(2);
    const errors = await Promise.all([
      failure(joined[0]!.broadcast(Uint8Array.of(1), 1)),
      failure(joined[1]!.allReduce(Float32Array.of(1))),
    ]);
    expect(errors[0]!.message).toBe(
      'rank 1 sends "part" of call 2, expected "copy" of call 2: all members must make the same calls in the same order',
    );
    expect(errors[1]!.message).toMatch(/the group has ended: rank 0 is gone: it has left/);
  });

  test("a member that does not answer", async () => {
    const joined = await groups(2, { timeoutMs: 50 });
    await expect(joined[0]!.allReduce(Float32Array.of(1))).rejects.toThrow(
      "the group has ended: rank 1 did not answer within 50 ms",
    );
    await expect(joined[0]!.allReduce(Float32Array.of(1))).rejects.toThrow("rank 1 did not answer within 50 ms");
  });

  test("a member that leaves: what it has sent still counts", async () => {
    const joined = await groups(3);
    const last = joined.map((group) => group.allReduce(Float32Array.of(group.rank)));
    const left = last[0]!.then(() => joined[0]!.leave());
    expect((await Promise.all(last)).map(([sum]) => sum)).toEqual([3, 3, 3]);
    await left;
    await expect(joined[1]!.allReduce(Float32Array.of(1))).rejects.toThrow(
      "the group has ended: rank 0 is gone: it has left",
    );
    await expect(joined[0]!.allReduce(Float32Array.of(1))).rejects.toThrow("this member has left the group");
  });

  test("two calls at once", async () => {
    const joined = await groups(2);
    const first = joined[0]!.allReduce(Float32Array.of(1));
    await expect(joined[0]!.allReduce(Float32Array.of(1))).rejects.toThrow("another call of this group is running");
    await joined[1]!.allReduce(Float32Array.of(1));
    expect((await first)[0]).toBe(2);
  });
});

describe("joinGroup", () => {
  test("ports that lead to others than expected", async () => {
    const { port1, port2 } = new MessageChannel();
    const [a, b] = await Promise.all([
      failure(joinGroup({ rank: 0, ports: [undefined, port1] })),
      failure(joinGroup({ rank: 0, ports: [undefined, port2] })),
    ]);
    for (const error of [a, b])
      expect(error.message).toMatch(/port 1 leads to rank 0 of 2, expected rank 1 of 2|has left/);
  });

  test("unfit arguments", async () => {
    const { port1 } = new MessageChannel();
    const refused = (options: object) => expect(joinGroup(options as never)).rejects;
    await refused({ rank: 2, ports: [undefined, port1] }).toThrow(
      "joinGroup: rank is 2, expected a whole number from 0 to 1",
    );
    await refused({ rank: 0, ports: [port1] }).toThrow(/ports\[0\] is an? \w+, expected undefined: it is this member/);
    await refused({ rank: 0, ports: [undefined, {}] }).toThrow(
      "joinGroup: ports[1] is not a MessagePort, Worker or RTCDataChannel",
    );
    await refused({ rank: 0, ports: [undefined, port1], timeoutMs: 0 }).toThrow("joinGroup: timeoutMs is 0");
    await refused({ rank: 0 }).toThrow(AttributeError);
    const channel = Object.assign(new EventTarget(), { send() {}, bufferedAmount: 0, ordered: false });
    await refused({ rank: 0, ports: [undefined, channel] }).toThrow("an RTCDataChannel without order");
    Object.assign(channel, { ordered: true, readyState: "connecting" });
    await refused({ rank: 0, ports: [undefined, channel] }).toThrow("an RTCDataChannel that is connecting, not open");
  });

  test("other messages on a port are left alone", async () => {
    const { port1, port2 } = new MessageChannel();
    const seen: unknown[] = [];
    port2.addEventListener("message", ({ data }) => typeof data === "string" && seen.push(data));
    const joining = joinGroup({ rank: 0, ports: [undefined, port1] });
    for (const other of ["hello", new ArrayBuffer(3), new ArrayBuffer(64), { a: 1 }]) port1.postMessage(other);
    const [a, b] = await Promise.all([joining, joinGroup({ rank: 1, ports: [port2, undefined] })]);
    const sums = await Promise.all([a, b].map((group) => group.allReduce(Float32Array.of(2))));
    expect(sums.map(([sum]) => sum)).toEqual([4, 4]);
    expect(seen).toEqual(["hello"]);
  });
});

/** Two ends of a data channel that takes messages of a limited size, and holds some back. */
function channels() {
  class End extends EventTarget {
    binaryType = "blob";
    bufferedAmount = 0;
    readonly readyState = "open";
    largest = 0;
    other!: End;

    send(bytes: ArrayBuffer) {
      this.largest = Math.max(this.largest, bytes.byteLength);
      this.bufferedAmount += bytes.byteLength;
      setTimeout(() => {
        this.bufferedAmount -= bytes.byteLength;
        if (this.other.binaryType !== "arraybuffer") throw new Error("a Blob arrives");
        this.other.dispatchEvent(Object.assign(new Event("message"), { data: bytes }));
      });
    }
  }
  const [a, b] = [new End(), new End()];
  a.other = b;
  b.other = a;
  return [a, b] as const;
}

test("data channels take small messages: lists go in pieces", async () => {
  const [a, b] = channels();
  const joined = await Promise.all([
    joinGroup({ rank: 0, ports: [undefined, a as unknown as Port] }),
    joinGroup({ rank: 1, ports: [b as unknown as Port, undefined] }),
  ]);
  const lists = [listOf(0, 50_001), listOf(1, 50_001)];
  const sums = await Promise.all(joined.map((group, i) => group.allReduce(lists[i]!)));
  expect(sums[0]).toEqual(lists[0]!.map((value, i) => value + lists[1]![i]!));
  expect(sums[1]).toEqual(sums[0]);
  expect(a.largest).toBe(16 * 1024);
});
