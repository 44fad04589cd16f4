import { checkWhole, optionsOf, refuse } from "../../errors.ts";
import { randomStream } from "../random.ts";

/** Items, one after the other. */
export type Source<T> = Iterable<T> | AsyncIterable<T>;

/** How a stream calls a function for each item. */
export interface MapOptions {
  /** How many calls may wait at the same time. Default 1. */
  readonly parallel?: number;
}

/** How a stream is shuffled, which never holds all of its items. */
export interface ShuffleOptions {
  /** Items held at a time. Each one given is a random one of these. */
  readonly buffer: number;
  /** Any integer, default 0. Pass the number of the epoch: each has its own order. */
  readonly seed?: number;
}

/** How items of a stream are joined to lists. */
export interface ChunkOptions {
  /** Drop the last list if it is shorter. Default false. */
  readonly dropLast?: boolean;
}

/**
 * Items that are made when they are asked for, as with tf.data: files that are read, images that are decoded. For data that
 * fits in memory, `batches` is simpler and shuffles completely.
 *
 * ```ts
 * const samples = (epoch: number) =>
 *   stream(files)
 *     .shuffle({ buffer: 1000, seed: epoch })
 *     .map(async (file) => ({ x: await pixelsOf(file), y: labelOf(file) }), { parallel: 4 })
 *     .prefetch(64);
 * await trainer.fit(samples, { epochs: 10, batchSize: 32 });
 * ```
 *
 * Nothing is read before the first item is asked for, and no more than the steps hold. Leaving a `for await` loop early
 * closes the source, after the item that it is reading, if any. A stream can be read again if its source can.
 */
export class Stream<T> implements AsyncIterable<T> {
  readonly #items: () => AsyncGenerator<T, void, undefined>;

  constructor(items: () => AsyncGenerator<T, void, undefined>) {
    this.#items = items;
  }

  [Symbol.asyncIterator](): AsyncGenerator<T, void, undefined> {
    return this.#items();
  }

  /** The results of a function, awaited, in the order of the items. An error of the function ends the stream. */
  map<U>(f: (item: T, index: number) => U | Promise<U>, options?: MapOptions): Stream<U> {
    if (typeof f !== "function") refuse("Stream.map", "f", f, "a function");
    const { parallel } = optionsOf("Stream.map", options, { parallel: 1 });
    checkWhole("Stream.map", "parallel", parallel);
    return new Stream(() => mapped(this, f, parallel));
  }

  /** The items for which a function says true. */
  filter(f: (item: T, index: number) => boolean | Promise<boolean>): Stream<T> {
    if (typeof f !== "function") refuse("Stream.filter", "f", f, "a function");
    const items = this.#items;
    return new Stream(async function* () {
      let index = 0;
      for await (const item of { [Symbol.asyncIterator]: items }) if (await f(item, index++)) yield item;
    });
  }

  /**
   * The items in random order, as far as a buffer reaches. With a buffer as long as the data, every order is equally
   * likely; with a shorter one, items stay near their places: mix sorted files before.
   */
  shuffle(options: ShuffleOptions): Stream<T> {
    const { buffer, seed } = optionsOf("Stream.shuffle", options, { buffer: undefined, seed: 0 });
    checkWhole("Stream.shuffle", "buffer", buffer);
    if (!Number.isSafeInteger(seed)) refuse("Stream.shuffle", "seed", seed, "an integer");
    return new Stream(() => shuffled(this, buffer, seed));
  }

  /** Lists of `size` items; the last may be shorter. */
  chunk(size: number, options?: ChunkOptions): Stream<T[]> {
    checkWhole("Stream.chunk", "size", size);
    const { dropLast } = optionsOf("Stream.chunk", options, { dropLast: false });
    return new Stream(() => chunked(this, size, dropLast));
  }

  /** The first `count` items. */
  take(count: number): Stream<T> {
    checkWhole("Stream.take", "count", count, 0);
    const items = this.#items;
    return new Stream(async function* () {
      let left = count;
      if (left > 0) {
        for await (const item of { [Symbol.asyncIterator]: items }) {
          yield item;
          if (--left === 0) return;
        }
      }
    });
  }

  /** The same items, of which up to `count` are asked for ahead, while the reader works. */
  prefetch(count: number): Stream<T> {
    checkWhole("Stream.prefetch", "count", count);
    return new Stream(() => prefetched(this, count));
  }
}

/**
 * A stream of items.
 * @param source a list, any (async) iterable, or a function that opens one: then each reading opens its own.
 */
export function stream<T>(source: Source<T> | (() => Source<T>)): Stream<T> {
  const isIterable = (value: unknown): boolean =>
    typeof value !== "string" &&
    (Symbol.asyncIterator in Object(value) || typeof Object(value)[Symbol.iterator] === "function");
  if (typeof source !== "function" && !isIterable(source)) {
    refuse("stream", "source", source, "an iterable, or a function that returns one");
  }
  return new Stream(async function* () {
    const items = typeof source === "function" && !isIterable(source) ? source() : (source as Source<T>);
    if (!isIterable(items)) refuse("stream", "the result of source", items, "an iterable");
    yield* items;
  });
}

async function* mapped<T, U>(
  source: AsyncIterable<T>,
  f: (item: T, index: number) => U | Promise<U>,
  parallel: number,
): AsyncGenerator<U, void, undefined> {
  const waiting: Promise<U>[] = [];
  let index = 0;
  for await (const item of readsOf(source)) {
    const result = (async () => f(item(), index++))();
    // It is awaited in its turn: until then, a failure is not unhandled.
    result.catch(() => {});
    waiting.push(result);
    if (waiting.length >= parallel) yield await waiting.shift()!;
  }
  for (const result of waiting) yield await result;
}

/** Items as functions that give them. A failure to read is the last: it throws in its turn, after the results before it. */
async function* readsOf<T>(source: AsyncIterable<T>): AsyncGenerator<() => T, void, undefined> {
  try {
    for await (const item of source) yield () => item;
  } catch (error) {
    yield () => {
      throw error;
    };
  }
}

async function* shuffled<T>(
  source: AsyncIterable<T>,
  buffer: number,
  seed: number,
): AsyncGenerator<T, void, undefined> {
  const random = randomStream(seed);
  const held: T[] = [];
  const draw = (): T => {
    const at = random.below(held.length);
    const item = held[at]!;
    const last = held.pop()!;
    if (at < held.length) held[at] = last;
    return item;
  };
  for await (const item of source) {
    held.push(item);
    if (held.length >= buffer) yield draw();
  }
  while (held.length > 0) yield draw();
}

async function* chunked<T>(
  source: AsyncIterable<T>,
  size: number,
  dropLast: boolean,
): AsyncGenerator<T[], void, undefined> {
  let chunk: T[] = [];
  for await (const item of source) {
    chunk.push(item);
    if (chunk.length < size) continue;
    yield chunk;
    chunk = [];
  }
  if (chunk.length > 0 && !dropLast) yield chunk;
}

async function* prefetched<T>(source: AsyncIterable<T>, count: number): AsyncGenerator<T, void, undefined> {
  const reader = source[Symbol.asyncIterator]();
  const waiting: Promise<IteratorResult<T>>[] = [];
  let [isReading, isOver] = [false, false];
  // One at a time, as the source gives them: engines take the square of the number of those that wait.
  const ask = (): void => {
    if (isReading || isOver || waiting.length >= count) return;
    isReading = true;
    const next = reader.next();
    waiting.push(next);
    const settle = (isLast: boolean): void => {
      [isReading, isOver] = [false, isLast];
      ask();
    };
    next.then(
      ({ done }) => settle(done === true),
      () => settle(true),
    );
  };
  try {
    ask();
    for (;;) {
      const { done, value } = await waiting.shift()!;
      if (done) return;
      ask();
      yield value;
    }
  } finally {
    await reader.return?.();
  }
}
