/** One row's work with one library, prepared: weights and data of kernels are on the GPU. */
export interface Work {
  /**
   * Runs the work once. Returns what to await before the next run, if anything. A training step uploads its batch from
   * host memory.
   */
  once(): unknown;
  /** Submits what the library still holds back. */
  flush?(): void;
  /** The last run's results: those of a kernel in a row, or a loss. */
  result(): Promise<ArrayLike<number>>;
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
