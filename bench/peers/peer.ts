/** What a library's page offers to the runner, as `globalThis.peer`. */
export interface Peer {
  /** Prepares a row's work. */
  open(row: string): Promise<void>;
  /** Results of a kernel: about two thousand, evenly spread, including the first and the last. */
  results(): Promise<number[]>;
  /** The losses of the next steps; fewer, but at least five, once `seconds` have passed. */
  losses(steps: number, seconds: number): Promise<number[]>;
  /**
   * Milliseconds of `count` runs, including the wait for the GPU after the last.
   * @param read whether to also read the last result: the loss of steps.
   */
  time(count: number, read: boolean): Promise<number>;
}
