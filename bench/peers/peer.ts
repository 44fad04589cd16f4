/** What a page of one library offers to the runner, as `globalThis.peer`. */
export interface Peer {
  /** Makes a row's work ready. */
  open(row: string): Promise<void>;
  /** Results of a kernel: some two thousand of them, evenly spread, the first and the last included. */
  results(): Promise<number[]>;
  /** The losses of the next steps: of fewer, but five at least, when so many seconds are over. */
  losses(steps: number, seconds: number): Promise<number[]>;
  /**
   * Milliseconds of each of so many, the GPU's work awaited after the last one.
   * @param read whether the last result is read besides: the loss of steps.
   */
  time(count: number, read: boolean): Promise<number>;
}
