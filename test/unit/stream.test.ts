import { describe, expect, test } from "vitest";
import { type Source, type Stream, stream } from "../../src/data/stream/index.ts";
import { AttributeError } from "../../src/errors.ts";

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const item of items) list.push(item);
  return list;
}

/** Numbers from 0 that note what is asked for, and whether they were closed. */
function noted(count: number) {
  const log = { asked: 0, closed: false };
  async function* numbers() {
    try {
      for (let i = 0; i < count; i++) {
        log.asked++;
        yield i;
      }
    } finally {
      log.closed = true;
    }
  }
  return { log, numbers };
}

const ticks = async (count = 20): Promise<void> => {
  for (let i = 0; i < count; i++) await Promise.resolve();
};

describe("a stream", () => {
  test.each<[string, () => Source<number> | (() => Source<number>)]>([
    ["a list", () => [0, 1, 2]],
    ["a typed array", () => Int32Array.of(0, 1, 2)],
    ["an async generator", () => noted(3).numbers()],
    ["a function that opens one", () => noted(3).numbers],
  ])("gives the items of %s", async (_, source) => {
    expect(await all(stream(source()))).toEqual([0, 1, 2]);
  });

  test("is read again if its source can be", async () => {
    const doubled = stream(noted(3).numbers).map((x) => 2 * x);
    expect(await all(doubled)).toEqual([0, 2, 4]);
    expect(await all(doubled)).toEqual([0, 2, 4]);
  });

  test("asks for nothing before it is read, and closes its source when the reader leaves", async () => {
    const { log, numbers } = noted(100);
    const chain = stream(numbers)
      .map((x) => x + 1, { parallel: 3 })
      .filter((x) => x % 2 === 0)
      .shuffle({ buffer: 2 })
      .chunk(2)
      .prefetch(2);
    await ticks();
    expect(log.asked).toBe(0);
    for await (const chunk of chain) {
      expect(chunk).toHaveLength(2);
      break;
    }
    expect(log.closed).toBe(true);
    expect(log.asked).toBeLessThan(30);
  });

  test("passes on errors of its source, its functions and its reader", async () => {
    async function* broken() {
      yield 1;
      throw new Error("disk");
    }
    for (const chain of [
      stream(broken).map((x) => x, { parallel: 4 }),
      stream(broken).prefetch(3),
      stream(broken).shuffle({ buffer: 5 }).chunk(2),
    ]) {
      await expect(all<unknown>(chain)).rejects.toThrow("disk");
    }
    const failing = stream([1, 2, 3]).map((x) => (x === 2 ? Promise.reject(new Error("no image")) : x), {
      parallel: 3,
    });
    const seen: number[] = [];
    await expect(
      (async () => {
        for await (const x of failing) seen.push(x);
      })(),
    ).rejects.toThrow("no image");
    expect(seen).toEqual([1]);
  });
});

describe("map", () => {
  test("keeps the order, and lets as many calls wait as it may", async () => {
    let [running, most] = [0, 0];
    const results = stream([5, 1, 4, 2, 3]).map(
      async (x, index) => {
        most = Math.max(most, ++running);
        for (let i = 0; i < x; i++) await ticks();
        running--;
        return [x, index];
      },
      { parallel: 3 },
    );
    expect(await all(results)).toEqual([5, 1, 4, 2, 3].map((x, i) => [x, i]));
    expect(most).toBe(3);
  });
});

test("gives all results before a failure to read, however many calls wait", async () => {
  async function* broken() {
    yield* [1, 2, 3];
    throw new Error("disk");
  }
  for (const parallel of [1, 2, 4, 9]) {
    const seen: number[] = [];
    const reading = (async () => {
      for await (const x of stream(broken).map((x) => 2 * x, { parallel })) seen.push(x);
    })();
    await expect(reading).rejects.toThrow("disk");
    expect(seen).toEqual([2, 4, 6]);
  }
});

test("prefetch reads one item after the other, and none after the last", async () => {
  let [asked, open, most] = [0, 0, 0];
  const items = async function* () {
    for (let i = 0; i < 5; i++) yield i;
  };
  const source = stream(items);
  const read = source[Symbol.asyncIterator].bind(source);
  source[Symbol.asyncIterator] = () => {
    const reader = read();
    const next = reader.next.bind(reader);
    reader.next = async () => {
      asked++;
      most = Math.max(most, ++open);
      const result = await next();
      open--;
      return result;
    };
    return reader;
  };
  expect(await all(source.prefetch(1000))).toEqual([0, 1, 2, 3, 4]);
  expect([asked, most]).toEqual([6, 1]);
});

describe("shuffle", () => {
  const numbers = Array.from({ length: 200 }, (_, i) => i);
  const places = (items: Stream<number>) => all(items);

  test("gives every item once, in an order that the seed determines", async () => {
    const first = await places(stream(numbers).shuffle({ buffer: 50, seed: 1 }));
    expect([...first].sort((a, b) => a - b)).toEqual(numbers);
    expect(await places(stream(numbers).shuffle({ buffer: 50, seed: 1 }))).toEqual(first);
    expect(await places(stream(numbers).shuffle({ buffer: 50, seed: 2 }))).not.toEqual(first);
    // No item comes before the buffer has seen it.
    expect(first.every((item, place) => item < place + 50)).toBe(true);
  });

  test("is fair with a buffer for all: each item is first equally often", async () => {
    const counts = [0, 0, 0, 0];
    for (let seed = 0; seed < 4000; seed++) {
      for await (const item of stream([0, 1, 2, 3]).shuffle({ buffer: 4, seed }).take(1)) counts[item]!++;
    }
    // With 3 degrees of freedom, 16.3 is exceeded once in 1,000.
    expect(counts.reduce((sum, count) => sum + (count - 1000) ** 2 / 1000, 0)).toBeLessThan(16.3);
  });
});

describe("chunk, take and prefetch", () => {
  test("make lists, the last one shorter or none", async () => {
    expect(await all(stream([1, 2, 3, 4, 5]).chunk(2))).toEqual([[1, 2], [3, 4], [5]]);
    expect(await all(stream([1, 2, 3, 4, 5]).chunk(2, { dropLast: true }))).toEqual([
      [1, 2],
      [3, 4],
    ]);
  });

  test("take no more than they need", async () => {
    const { log, numbers } = noted(100);
    expect(await all(stream(numbers).take(3))).toEqual([0, 1, 2]);
    expect(log).toEqual({ asked: 3, closed: true });
    expect(await all(stream(numbers).take(0))).toEqual([]);
  });

  test("ask ahead while the reader works", async () => {
    const { log, numbers } = noted(100);
    const reader = stream(numbers).prefetch(4)[Symbol.asyncIterator]();
    expect((await reader.next()).value).toBe(0);
    await ticks(50);
    expect(log.asked).toBe(5);
    await reader.return();
    expect(log.closed).toBe(true);
    expect(await all(stream(noted(3).numbers).prefetch(10))).toEqual([0, 1, 2]);
  });
});

test.each<[string, () => unknown, string]>([
  ["no source", () => stream(undefined as never), "stream: source is missing, expected an iterable"],
  ["no function", () => stream([1]).map(7 as never), "Stream.map: f is 7, expected a function"],
  ["no calls", () => stream([1]).map((x) => x, { parallel: 0 }), "Stream.map: parallel is 0"],
  ["no buffer", () => stream([1]).shuffle({} as never), "Stream.shuffle: buffer is missing"],
  ["half a seed", () => stream([1]).shuffle({ buffer: 2, seed: 0.5 }), "Stream.shuffle: seed is 0.5"],
  ["no size", () => stream([1]).chunk(0), "Stream.chunk: size is 0"],
  ["no count", () => stream([1]).prefetch(0), "Stream.prefetch: count is 0"],
  ["less than none", () => stream([1]).take(-1), "Stream.take: count is -1"],
])("%s is refused", (_, call, message) => {
  expect(call).toThrow(AttributeError);
  expect(call).toThrow(message);
});

test("a source that opens nothing is refused when it is read", async () => {
  await expect(all(stream(() => 7 as never))).rejects.toThrow(
    "stream: the result of source is 7, expected an iterable",
  );
});
