import type { metrics } from "../../../src/index.ts";

/** Progress of an epoch. */
export interface Tally {
  readonly epoch: number;
  /** Images of the epoch trained on so far. */
  readonly images: number;
  /** Sum of their losses. */
  readonly loss: number;
}

/** Mean loss of the images between two tallies, or since the beginning of the epoch. */
export function meanLoss(now: Tally, before?: Tally): number {
  const { images, loss } = before?.epoch === now.epoch ? before : { images: 0, loss: 0 };
  return (now.loss - loss) / (now.images - images);
}

/** The network's predictions for some digits. */
export interface Examination {
  readonly predicted: Int32Array;
  readonly confusion: metrics.ConfusionMatrix;
}
