import type { DataArray, TypedArray } from "../data/dataset.ts";
import { permutation } from "../data/random.ts";
import { AttributeError, checkObject, show } from "../errors.ts";
import { mistakes } from "./loaded.ts";
import { type ArrayData, type Chunk, chunkOf, type Specs, sameSpec, unfitValue, weightName } from "./specs.ts";
import type { Stage } from "./stage.ts";

/** Samples by array name: `{ x: { data, shape: [n, …] }, y: labels }`. Data without a shape is one value per sample. */
export type Arrays = Readonly<Record<string, ArrayData>>;

/** One or more samples: arrays, or numbers for a single sample. */
export type Item = Readonly<Record<string, DataArray | TypedArray | number>>;

/** Samples in items of any size, in any number: nothing is collected. */
export type Items = Iterable<Item> | AsyncIterable<Item>;

/** Arrays, an iterable, or a function that returns the iterable of an epoch. @param epoch 0 in the first one. */
export type Data = Arrays | Items | ((epoch: number) => Items);

/** Samples of an epoch in order. */
export interface Reader {
  /** Copies the next samples into a stage. @returns their number, 0 at the end. */
  fill(stage: Stage): number | Promise<number>;
  /** Releases the source before its end. */
  close(): void | Promise<void>;
}

/** Data that can be read epoch by epoch. */
export interface Stream {
  readonly specs: Specs;
  /** Samples of an epoch, where known. */
  readonly samples: number | undefined;
  /** Samples of the first item. */
  readonly first: number;
  /** Whether it can be read only once. */
  readonly once: boolean;
  /** @param skip samples to leave out at its beginning. */
  epoch(epoch: number, skip?: number): Reader;
  /** The place in the data of the nth sample that an epoch reads. */
  place(epoch: number, nth: number): number;
  /** Releases what is still open after the last epoch. */
  close(): void | Promise<void>;
}

/** How data is read. */
export interface Reading {
  /** Whether arrays are read in random order; default false. */
  readonly shuffle?: boolean;
  readonly seed?: number;
  /** How often data is read from its beginning; default 1. */
  readonly epochs?: number;
  /** The first of its epochs; default 0. */
  readonly from?: number;
  /** Ends the wait for the first samples: its reason is thrown. */
  readonly signal?: AbortSignal | undefined;
}

/** What the caller knows about the data. */
export interface Known {
  /** Names that every item must have. */
  readonly names: readonly string[];
  readonly specs: Specs;
  /** Number of the item in its epoch, from 1: it must have what the first one has, and no more. */
  readonly item?: number;
}

/** Opens data. @param op the caller in errors. */
export async function open(op: string, data: Data, known: Known, reading: Reading = {}): Promise<Stream> {
  const { shuffle, seed = 0, epochs = 1, from = 0, signal } = reading;
  if (typeof data === "function") return iterated(op, data, known, false, from, signal);
  if (isIterable(data)) return iterated(op, () => data, known, await checkReads(op, data, epochs), from, signal);
  return arrays(op, data, known, shuffle ? (n, epoch) => permutation(n, seed, epoch) : undefined);
}

/** Refuses to read an iterator several times. @returns whether the data is one. */
export async function checkReads(op: string, data: Data, epochs: number): Promise<boolean> {
  const once = isIterable(data) && iteratorOf(op, data) === (data as unknown);
  if (!once || epochs === 1) return once;
  throw (await mistakes()).readOnce(op, epochs);
}

const isIterable = (data: object): data is Items =>
  Object(data) === data && (Symbol.asyncIterator in data || Symbol.iterator in data) && !ArrayBuffer.isView(data);

/** Whether data can be looked at before it is needed: arrays, or a list of items. */
export const isAtHand = (data: Data): boolean =>
  Array.isArray(data) || (typeof data !== "function" && !isIterable(data));

/** Reads arrays, all samples at hand. */
async function arrays(
  op: string,
  data: Arrays,
  known: Known,
  order: ((n: number, epoch: number) => Uint32Array) | undefined,
): Promise<Stream> {
  const { chunks, specs, rows } = await chunksOf(op, data, known);
  if (rows === 0) throw (await mistakes()).noSamples(op);
  const weights = chunks.find(([name]) => name === weightName)?.[1].data;
  if (weights && Array.from(weights).every((weight) => weight === 0)) throw (await mistakes()).noWeight(op);
  return {
    specs,
    samples: rows,
    first: rows,
    once: false,
    epoch(epoch, skip = 0) {
      const places = order?.(rows, epoch);
      let at = skip;
      return {
        fill(stage) {
          const taken = Math.max(0, Math.min(stage.capacity, rows - at));
          for (const [name, { data }] of chunks) stage.gather(name, data, places, at, taken);
          at += taken;
          return taken;
        },
        close: () => {},
      };
    },
    place: (epoch, nth) => order?.(rows, epoch)[nth] ?? nth,
    close: () => {},
  };
}

/**
 * Reads items one after the other. The first one is read at once, since it tells what samples are.
 * @param once whether all epochs go on reading one iterator. @param from the first epoch.
 */
async function iterated(
  op: string,
  source: (epoch: number) => Items,
  known: Known,
  once: boolean,
  from: number,
  signal: AbortSignal | undefined,
): Promise<Stream> {
  let head:
    | { readonly iterator: AsyncIterator<Item> | Iterator<Item>; readonly item: IteratorResult<Item> }
    | undefined;
  const begin = (epoch: number) => iteratorOf(op, source(epoch));
  const iterator = begin(from);
  head = { iterator, item: await unlessAborted(iterator, signal) };
  if (head.item.done) throw (await mistakes()).noSamples(op);
  const first = await chunksOf(op, head.item.value, known);
  const { specs } = first;
  let shared: Reader | undefined;
  let close: Reader["close"] | undefined;
  return {
    specs,
    samples: undefined,
    first: first.rows,
    once,
    epoch(epoch, skip = 0) {
      if (shared) return shared;
      const ready = epoch === from ? head : undefined;
      if (ready) head = undefined;
      const own = reader(op, ready?.iterator ?? begin(epoch), ready?.item, specs, skip);
      if (!once) return own;
      shared = { fill: own.fill, close: () => {} };
      close = own.close;
      return shared;
    },
    place: (_, nth) => nth,
    async close() {
      await close?.();
      await head?.iterator.return?.();
      head = undefined;
    },
  };
}

function reader(
  op: string,
  iterator: AsyncIterator<Item> | Iterator<Item>,
  first: IteratorResult<Item> | undefined,
  specs: Specs,
  skip: number,
): Reader {
  const names = Object.keys(specs);
  let item = 0;
  let ready = first;
  let left = skip;
  let current: Awaited<ReturnType<typeof chunksOf>> | undefined;
  let at = 0;
  let read = 0;
  let done = false;
  let waiting = false;
  /** Moves to an item with samples left. */
  const advance = async (): Promise<boolean> => {
    while (!current || at >= current.rows) {
      if (done) return false;
      waiting = ready === undefined;
      const { value, done: ended } = ready ?? (await iterator.next());
      waiting = false;
      ready = undefined;
      done = ended === true;
      if (done) return false;
      current = await chunksOf(op, value as Item, { names, specs, item: ++item }, read);
      read += current.rows;
      at = Math.min(left, current.rows);
      left -= at;
    }
    return true;
  };
  return {
    async fill(stage) {
      let filled = 0;
      while (filled < stage.capacity && (await advance())) {
        const taken = Math.min(stage.capacity - filled, current!.rows - at);
        for (const [name, { data }] of current!.chunks) stage.put(name, data, at, taken, filled);
        filled += taken;
        at += taken;
      }
      return filled;
    },
    async close() {
      if (done) return;
      done = true;
      // An iterator that has not answered yet may never do: it is told, but not awaited.
      if (waiting) leave(iterator);
      else await iterator.return?.();
    },
  };
}

/** The first item of an iterator, which is told where the signal comes first. @throws the signal's reason then. */
async function unlessAborted<T>(iterator: AsyncIterator<T> | Iterator<T>, signal: AbortSignal | undefined) {
  const leaving = () => leave(iterator);
  signal?.addEventListener("abort", leaving);
  return orAborted(iterator.next(), signal).finally(() => signal?.removeEventListener("abort", leaving));
}

/** Awaits something unless a signal comes first. @throws the signal's reason then. */
export async function orAborted<T>(work: T | PromiseLike<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return work;
  let abort = () => {};
  const aborted = new Promise<never>((_, reject) => {
    abort = () => reject(signal.reason);
  });
  aborted.catch(() => {}); // The work may have come first.
  signal.addEventListener("abort", abort);
  if (signal.aborted) abort();
  return Promise.race([work, aborted]).finally(() => signal.removeEventListener("abort", abort));
}

/** Tells an iterator that nobody reads it any more, and does not wait. */
function leave(iterator: AsyncIterator<unknown> | Iterator<unknown>): void {
  Promise.resolve(iterator.return?.()).catch(() => {});
}

function iteratorOf(op: string, items: Items): AsyncIterator<Item> | Iterator<Item> {
  if (Object(items) === items) {
    if (Symbol.asyncIterator in items) return items[Symbol.asyncIterator]();
    if (Symbol.iterator in items) return items[Symbol.iterator]();
  }
  throw new AttributeError(`${op}: the function of the data returned ${show(items)}, expected an iterable`);
}

/** Checks an item or arrays: names, samples, equal numbers of them, values. @param from samples before it. */
async function chunksOf(op: string, item: Item, { names, specs: known, item: number }: Known, from = 0) {
  const what = number === undefined ? "the data" : `item ${number} of the data`;
  checkObject(op, what, item, `{ ${names.join(", ")} }`);
  const allowed = number === undefined ? [...names, weightName] : names;
  if (names.some((name) => !(name in item)) || Object.keys(item).some((name) => !allowed.includes(name)))
    throw (await mistakes()).otherNames(`${op}: ${what}`, item, names, allowed);
  const specs: Record<string, Specs[string]> = {};
  const chunks: (readonly [string, Chunk])[] = [];
  let rows: number | undefined;
  for (const [name, value] of Object.entries(item)) {
    const chunk = chunkOf(
      op,
      name,
      value,
      known[name] ?? (name === weightName ? { shape: [], dtype: "f32" } : undefined),
    );
    if (known[name] && !sameSpec(known[name], chunk.spec))
      throw (await mistakes()).otherSamples(op, name, chunk.spec, known[name]);
    rows ??= chunk.rows;
    if (chunk.rows !== rows) {
      const isBare = (name: string) => ArrayBuffer.isView(item[name]) && !known[name] && name !== weightName;
      throw (await mistakes()).otherRows(op, [name, chunk.rows], [chunks[0]![0], rows], Object.keys(item).find(isBare));
    }
    const bad = unfitValue(chunk.data);
    if (bad >= 0)
      throw (await mistakes()).unfit(op, name, chunk.data[bad]!, from + Math.floor((bad * rows) / chunk.data.length));
    specs[name] = chunk.spec;
    chunks.push([name, chunk]);
  }
  return { chunks, specs, rows: rows ?? 0 };
}
