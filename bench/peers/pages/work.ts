/** One row's work on one library, made ready: weights and data of kernels are on the GPU. */
export interface Work {
  /** Starts the work once more, and gives what to await before the next time, if anything; of a training step, with its batch from the memory of the host. */
  once(): unknown;
  /** Hands to the GPU what the library may still hold back. */
  flush?(): void;
  /** What `once` gave last: the results of a kernel one after the other, or a loss. */
  result(): Promise<ArrayLike<number>>;
}

/** Makes work on what `open` gave. */
export type Maker<Context> = (context: Context) => Work | Promise<Work>;

/** Makes the work of a row by its name. */
export const library =
  <Context>(open: () => Promise<Context>, makers: Readonly<Record<string, Maker<Context>>>) =>
  async (row: string): Promise<Work> => {
    const make = makers[row];
    if (!make) throw new Error(`there is no work of that name: ${row}`);
    return make(await open());
  };
