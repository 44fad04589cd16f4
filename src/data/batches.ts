import { AttributeError, checkWhole, optionsOf, ShapeError, show } from "../errors.ts";
import { copyRows, type Dataset, datasetSize, type Rows } from "./dataset.ts";
import { permutation } from "./random.ts";

export interface BatchOptions {
  /** Samples in a batch, at least 1. */
  readonly batchSize: number;
  /** Visit the samples in random order. Default false: in the order they are stored. */
  readonly shuffle?: boolean;
  /** Any integer, default 0. With `epoch` it decides the order. */
  readonly seed?: number;
  /** Any integer, default 0. Pass the number of the epoch: each has an order of its own. */
  readonly epoch?: number;
  /** Leave out the last batch when it is smaller than `batchSize`. Default false. */
  readonly dropLast?: boolean;
  /** First batch to yield, default 0: `start: k` resumes an epoch of which k batches are done. */
  readonly start?: number;
}

/**
 * How many batches an epoch has: n / batchSize, rounded up, or down with `dropLast`.
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
 * One epoch of a dataset in batches, after the manner of PyTorch's DataLoader:
 *
 * ```ts
 * for (let epoch = 0; epoch < 5; epoch++) {
 *   for (const batch of batches({ x, y }, { batchSize: 64, shuffle: true, seed: 1, epoch, dropLast: true })) {
 *     await train.run(batch);
 *   }
 * }
 * ```
 *
 * Each batch is an object with the dataset's names and, for each, a typed array of the dataset's element type with the
 * samples one after the other. The arrays are new for each batch and share no memory with the dataset or with one
 * another: they may be kept, changed or transferred to a worker.
 *
 * The order depends on `seed` and `epoch` alone, so a run can be repeated, and one that broke off goes on with
 * `start`. A compiled program has one batch size: use `dropLast`, or compile a second program for the remainder
 * (`n % batchSize` samples). A dataset smaller than `batchSize` gives one small batch, or none with `dropLast`.
 *
 * @throws ShapeError for an unsound dataset; AttributeError for a bad option. Both at the call, not at the first batch.
 */
export function batches<D extends Dataset>(dataset: D, options: BatchOptions): Generator<Rows<D>, void, undefined> {
  const n = datasetSize(dataset);
  return rowsOf(dataset, n, batchIndices(n, options));
}

/**
 * The sample numbers of each batch that `batches` would yield, for data that is made or loaded on demand.
 * Options, order and errors are those of `batches`; each yielded array is new.
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

/** Options as given, with the defaults of the others. */
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
