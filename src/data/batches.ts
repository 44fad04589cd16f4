import { AttributeError, checkWhole, optionsOf, ShapeError, show } from "../errors.ts";
import { copyRows, type Dataset, datasetSize, type Rows } from "./dataset.ts";
import { permutation } from "./random.ts";

/** How samples are visited in batches. */
export interface BatchOptions {
  /** Samples per batch, at least 1. */
  readonly batchSize: number;
  /** Visit the samples in random order. Default false: in the order they are stored. */
  readonly shuffle?: boolean;
  /** Any integer, default 0. Together with `epoch` it determines the order. */
  readonly seed?: number;
  /** Any integer, default 0. Pass the number of the epoch: every epoch has its own order. */
  readonly epoch?: number;
  /** Drop the last batch if it is smaller than `batchSize`. Default false. */
  readonly dropLast?: boolean;
  /** First batch to yield, default 0. `start: k` resumes an epoch after k batches. */
  readonly start?: number;
}

/**
 * Number of batches in an epoch: n / batchSize, rounded up, or down with `dropLast`.
 *
 * @param samples a dataset, or its number of samples.
 * @throws ShapeError, AttributeError as `batches` does.
 */
export function numBatches(samples: Dataset | number, options: Pick<BatchOptions, "batchSize" | "dropLast">): number {
  const n = typeof samples === "number" ? checkCount(samples) : datasetSize(samples);
  const { batchSize, dropLast } = batchOptions(options);
  return dropLast ? Math.floor(n / batchSize) : Math.ceil(n / batchSize);
}

/**
 * One epoch of a dataset in batches, like PyTorch's DataLoader:
 *
 * ```ts
 * for (let epoch = 0; epoch < 5; epoch++) {
 *   for (const batch of batches({ x, y }, { batchSize: 64, shuffle: true, seed: 1, epoch, dropLast: true })) {
 *     await train.run(batch);
 *   }
 * }
 * ```
 *
 * Each batch is an object with the dataset's names and, for each, a typed array of the dataset's element type that
 * holds the samples one after the other. The arrays are new in each batch and share no memory, so you may keep, change
 * or transfer them to a worker.
 *
 * The order depends only on `seed` and `epoch`, so a run can be repeated, and `start` resumes an interrupted one. A
 * compiled program has a fixed batch size: use `dropLast`, or compile a second program for the remainder (`n %
 * batchSize` samples). A dataset smaller than `batchSize` gives one small batch, or none with `dropLast`.
 *
 * @throws ShapeError for an invalid dataset; AttributeError for an invalid option. Both at the call, not at the first
 * batch.
 */
export function batches<D extends Dataset>(dataset: D, options: BatchOptions): Generator<Rows<D>, void, undefined> {
  const n = datasetSize(dataset);
  return rowsOf(dataset, n, batchIndices(n, options));
}

/**
 * The sample indices of each batch that `batches` would yield, for data that is created or loaded on demand. Options,
 * order and errors are those of `batches`; each yielded array is new.
 */
export function batchIndices(n: number, options: BatchOptions): Generator<Uint32Array, void, undefined> {
  const { batchSize, shuffle, seed, epoch, start } = batchOptions(options);
  const count = numBatches(n, options);
  for (const [name, value] of Object.entries({ seed, epoch })) {
    if (!Number.isSafeInteger(value)) throw new AttributeError(`batches: ${name} is ${value}, expected an integer`);
  }
  if (!Number.isInteger(start) || start < 0 || start > count) {
    throw new AttributeError(
      `batches: start is ${start}, expected an integer from 0 to ${count} (the number of batches)`,
    );
  }
  const order = shuffle ? permutation(n, seed, epoch) : undefined;
  return indicesOf(n, batchSize, start, count, order);
}

/** Fills in the defaults. */
function batchOptions(options: BatchOptions) {
  const all = optionsOf("batches", options, {
    batchSize: undefined,
    shuffle: false,
    seed: 0,
    epoch: 0,
    dropLast: false,
    start: 0,
  });
  checkWhole("batches", "batchSize", all.batchSize);
  return all;
}

function* rowsOf<D extends Dataset>(
  dataset: D,
  n: number,
  indices: Iterable<Uint32Array>,
): Generator<Rows<D>, void, undefined> {
  for (const batch of indices) yield copyRows(dataset, n, batch);
}

function* indicesOf(
  n: number,
  batchSize: number,
  start: number,
  count: number,
  order: Uint32Array | undefined,
): Generator<Uint32Array, void, undefined> {
  for (let batch = start; batch < count; batch++) {
    const begin = batch * batchSize;
    const end = Math.min(begin + batchSize, n);
    yield order ? order.slice(begin, end) : Uint32Array.from({ length: end - begin }, (_, i) => begin + i);
  }
}

function checkCount(n: number): number {
  if (!Number.isInteger(n) || n < 1) {
    throw new ShapeError(`batches: the number of samples is ${show(n)}, expected an integer of at least 1`);
  }
  return n;
}
