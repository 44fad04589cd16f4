import type { NonFiniteError } from "../errors.ts";
import type { Validate } from "./evaluate.ts";
import type { Gate } from "./gate.ts";
import type { Progress } from "./history.ts";
import type { Fit } from "./options.ts";
import type { Position } from "./position.ts";
import type { Programs } from "./programs.ts";
import type { Recipe } from "./recipe.ts";
import type { Rewind } from "./rewind.ts";
import type { Stream } from "./stream.ts";
import type { Batch, Columns } from "./tally.ts";
import type { ClassWeight } from "./weights.ts";

/** What a run needs of its trainer. */
export interface Parts {
  readonly recipe: Recipe;
  readonly options: Fit;
  readonly programs: Programs;
  readonly stream: Stream;
  readonly classWeight: ClassWeight | undefined;
  readonly position: Position;
  /** Whether the run takes the place of one whose device was lost. */
  readonly again: boolean;
  readonly rewind: Rewind;
  readonly gate: Gate;
  readonly validate: Validate | undefined;
  save(): Promise<Uint8Array<ArrayBuffer>>;
  /** Finds out where a loss stopped being finite. */
  diagnose(step: Submitted, loss: number): Promise<NonFiniteError>;
}

/** A step whose numbers are still on the GPU. */
export interface Submitted extends Batch {
  readonly epoch: number;
  readonly step: number;
  /** Position in the epoch. */
  readonly batch: number;
  /** Statistics of its gradients, where they are looked at. */
  readonly gradients?: Promise<Readonly<Record<string, ArrayLike<number>>>>;
}

/** How far a run is. */
export function progressOf({ options, position, stream }: Parts, columns: Columns): Progress {
  const { epochs, batchSize, stepsPerEpoch, dropLast } = options;
  const { sums, seconds, history } = position;
  const round = dropLast ? Math.floor : Math.ceil;
  // An iterable tells its length only at its end.
  const known = stream.samples ?? history.epochs.at(-1)?.samples;
  const samples = stepsPerEpoch === undefined ? known : stepsPerEpoch * batchSize;
  const steps = stepsPerEpoch ?? (samples && round(samples / batchSize));
  const samplesPerSecond = sums.samples / seconds;
  return {
    epoch: position.epoch + 1,
    epochs,
    step: sums.steps,
    steps,
    samples: sums.samples,
    logs: columns.logs(sums) as Progress["logs"],
    samplesPerSecond,
    secondsLeft: samples && ((epochs - position.epoch) * samples - sums.samples) / samplesPerSecond,
  };
}
