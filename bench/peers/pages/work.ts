/** One row's work with one library, prepared: weights and data of kernels are on the GPU. */
export interface Work {
  /**
   * Runs the work once. Returns what to await before the next run, if anything. A training step uploads its batch from
   * host memory.
   */
  once(): unknown;
  /** Resolves once everything that the last run started has ended, where no queue tells. */
  ready?(): Promise<unknown>;
  /** The last run's results: those of a kernel in a row, or a loss. */
  result(): Promise<ArrayLike<number>>;
}

/** A library on one back end. */
export interface Library {
  /** Prepares the work of a row. */
  make(row: string): Promise<Work>;
  /** Submits what the library holds back. Resolves once all of the work has been done. */
  finish(work: Work): Promise<void>;
}

/** Prepares work with the result of `open`. */
export type Maker<Context> = (context: Context) => Work | Promise<Work>;

/** Prepares the work of a row by its name. */
export const library =
  <Context>(open: () => Promise<Context>, makers: Readonly<Record<string, Maker<Context>>>) =>
  async (row: string): Promise<Work> => {
    const make = makers[row];
    if (!make) throw new Error(`unknown row: ${row}`);
    return make(await open());
  };
