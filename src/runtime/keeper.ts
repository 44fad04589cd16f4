import type { PrintedCall, VirtualBuffer } from "../kernels/call.ts";

/**
 * What a recovery is to its runner: it hears of everything that has to be made anew on another device, and serves loops
 * that go back to a snapshot. See `recover` of tilegrad/recover.
 */
export interface Keeper {
  /** Bytes that the host puts into an arena, before it does. */
  wrote(arena: VirtualBuffer, offset: number, bytes: ArrayBufferView): void;
  /** A program is about to run: nothing of this run has been submitted yet. */
  began(calls: readonly PrintedCall[]): void;
  /** GPU memory of the app for a role: "input x". @throws FeedError when it cannot be of the present device. */
  fed(role: string, buffer: GPUBuffer): void;
  /** The runner is destroyed. */
  ended(): void;
  /**
   * A loop begins, which marks its steps until `left`. Makes sure that there is a snapshot of the variables as they are
   * now. Costs nothing where none has changed since the
   * last one.
   * @param position what to keep with it.
   */
  begin(position: unknown): Promise<void>;
  /** The loop has ended: snapshots are taken without marks again. */
  left(): void;
  /** A point between two steps of the loop. @param position what to keep with a snapshot, called in the same turn if one is due. */
  mark(position: () => unknown): void;
  /**
   * Waits for the next device where a call was rejected because of a loss.
   * @returns what was kept with the snapshot that variables went back to; nothing if it was no loss.
   */
  recovered(error: unknown): Promise<{ readonly position: unknown } | undefined>;
}
