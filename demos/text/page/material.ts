import { permutation } from "../../../src/data/random.ts";
import { charTokenizer, type Tokenizer } from "../../../src/data/text/index.ts";
import { batchAt, batchesIn, type Window } from "../corpus.ts";
import { ignored } from "./ignored.ts";
import { isList, tidied } from "./own.ts";

/** Characters x, and the labels y that belong to them, `[length, batch]`. */
export type Batch = {
  readonly x: Int32Array<ArrayBuffer>;
  readonly y: Int32Array<ArrayBuffer>;
};

/** What a network learns from. */
export interface Material {
  readonly tokenizer: Tokenizer;
  /** Sizes of the batches to train on. */
  readonly window: Window;
  /** Sizes of the batches to validate on. */
  readonly validationWindow: Window;
  /** Whether each line is a text of its own; otherwise, a batch continues the one before it. */
  readonly lines: boolean;
  /** Batches in an epoch. */
  readonly batches: number;
  /** The batch of a step, from 0. */
  at(step: number): Batch;
  readonly validation: readonly Batch[];
  /** What the network tells characters apart into, if it does not predict the next one. */
  readonly labels?: readonly string[];
  /** What every text starts after. */
  readonly start: number;
  /** Bits per character of a guess by frequency alone. */
  readonly baseline: number;
}

/** Share of a text that is kept for validation. */
const heldOut = 0.1;

/** Characters of a stream through which gradients flow back. */
const streamLength = 40;

/** Lines to validate on at most, and characters. */
const mostLines = 256;
const mostCharacters = 4096;

export function materialOf(text: string, batch: number, seed: number): Material {
  const tidy = tidied(text);
  return isList(tidy) ? ofLines(tidy, batch, seed) : ofStream(tidy, batch);
}

function ofLines(text: string, batch: number, seed: number): Material {
  const tokenizer = charTokenizer(`${text}\n`);
  const start = tokenizer.encode("\n")[0]!;
  const all = [...new Set(text.split("\n"))].map((line) => tokenizer.encode(line));
  // The same lines are held out for every seed.
  const shuffled = Array.from(permutation(all.length, 0), (i) => all[i]!);
  const boundary = Math.round(heldOut * all.length);
  const [kept, train] = [shuffled.slice(0, Math.min(boundary, mostLines)), shuffled.slice(boundary)];
  const length = 1 + all.reduce((longest, line) => Math.max(longest, line.length), 0);
  const size = Math.min(batch, train.length);
  const batches = Math.ceil(train.length / size);
  const validation = [rows(kept, length, start)];
  const counts = new Float64Array(tokenizer.size).fill(1);
  for (const line of train) for (const code of [...line, start]) counts[code]!++;
  const order = orders(train.length, seed);
  return {
    tokenizer,
    window: { batch: size, length },
    validationWindow: { batch: kept.length, length },
    lines: true,
    batches,
    at(step) {
      const now = order(Math.floor(step / batches));
      const first = (step % batches) * size;
      // The last batch of an epoch is filled up with the first lines of its order.
      const chosen = Array.from({ length: size }, (_, i) => train[now[(first + i) % train.length]!]!);
      return rows(chosen, length, start);
    },
    validation,
    start,
    baseline: bitsByFrequency(counts, validation),
  };
}

/** The order of samples in each epoch. */
export function orders(count: number, seed: number): (epoch: number) => Uint32Array {
  let last = { epoch: 0, order: permutation(count, seed, 100) };
  return (epoch) => {
    if (epoch !== last.epoch) last = { epoch, order: permutation(count, seed, 100 + epoch) };
    return last.order;
  };
}

/** Lines side by side: each starts after a line end, and ends with one. */
function rows(lines: readonly Int32Array[], length: number, start: number): Batch {
  const x = new Int32Array(length * lines.length).fill(start);
  const y = new Int32Array(length * lines.length).fill(ignored);
  for (const [n, line] of lines.entries()) {
    for (let t = 0; t <= line.length; t++) {
      if (t > 0) x[t * lines.length + n] = line[t - 1]!;
      y[t * lines.length + n] = line[t] ?? start;
    }
  }
  return { x, y };
}

function ofStream(text: string, batch: number): Material {
  const tokenizer = charTokenizer(text);
  const codes = tokenizer.encode(text);
  const boundary = codes.length - Math.round(heldOut * codes.length);
  const [train, kept] = [codes.subarray(0, boundary), codes.subarray(boundary, boundary + mostCharacters)];
  const window = windowFor(train, batch);
  const validationWindow = windowFor(kept, 16);
  const batches = batchesIn(train, window);
  const validation = Array.from({ length: batchesIn(kept, validationWindow) }, (_, i) =>
    batchAt(kept, validationWindow, i),
  );
  const counts = new Float64Array(tokenizer.size).fill(1);
  for (const code of train) counts[code]!++;
  const starts = ["\n", " "].find((character) => text.includes(character));
  return {
    tokenizer,
    window,
    validationWindow,
    lines: false,
    batches,
    at: (step) => batchAt(train, window, step % batches),
    validation,
    start: starts === undefined ? codes[0]! : tokenizer.encode(starts)[0]!,
    baseline: bitsByFrequency(counts, validation),
  };
}

/** As many streams as asked for, if the text is long enough for them. */
function windowFor(codes: Int32Array, batch: number): Window {
  const most = Math.floor((codes.length - 1) / streamLength);
  return { batch: Math.max(1, Math.min(batch, most)), length: streamLength };
}

/** What each label costs a guess by how often it occurs: mean over the labels that count. */
export function bitsByFrequency(counts: Float64Array, batches: readonly Batch[]): number {
  const all = counts.reduce((sum, count) => sum + count, 0);
  const labels = batches.flatMap(({ y }) => Array.from(y)).filter((label) => label !== ignored);
  return labels.reduce((sum, label) => sum - Math.log2(counts[label]! / all), 0) / labels.length;
}
