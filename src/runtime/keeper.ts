import type { PrintedCall, VirtualBuffer } from "../kernels/call.ts";

/**
 * What a runner tells of itself, so that everything can be made anew on another device: see `recover` of
 * tilegrad/recover.
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
}
