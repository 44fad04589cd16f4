import type { History } from "./history.ts";
import { mistakes } from "./loaded.ts";
import { noSums, type Sums } from "./tally.ts";

/** Where a training is, between two steps: plain data, which a checkpoint keeps. */
export interface Position {
  /** Epochs completed. */
  epoch: number;
  /** Steps of the current epoch, and their samples. */
  batch: number;
  samples: number;
  /** Steps of all epochs. */
  step: number;
  /** Seconds of the current epoch. */
  seconds: number;
  /** Samples for which the program of the training is compiled; 0 before its first step. */
  size: number;
  sums: Sums;
  /** What the order of the samples depends on. */
  readonly order: {
    readonly batchSize: number;
    readonly shuffle: boolean;
    readonly seed: number;
    readonly dropLast: boolean;
  };
  readonly history: History;
}

/**
 * The position at which a training starts.
 * @param known that of the training to resume, if any. @throws AttributeError where its samples have another order.
 */
export async function start(known: Position | undefined, order: Position["order"]): Promise<Position> {
  if (!known) return first(order);
  const changed = (Object.keys(order) as (keyof typeof order)[]).find((name) => known.order[name] !== order[name]);
  if (changed) throw (await mistakes()).otherOrder(changed, order[changed], known.order[changed]);
  return known;
}

const first = (order: Position["order"]): Position => ({
  epoch: 0,
  batch: 0,
  samples: 0,
  step: 0,
  seconds: 0,
  size: 0,
  sums: noSums(),
  order,
  history: { epochs: [], steps: [], gradients: [] },
});

/** Moves on to the next epoch. */
export function nextEpoch(position: Position): void {
  position.epoch++;
  position.batch = 0;
  position.samples = 0;
  position.seconds = 0;
  position.sums = noSums();
}
